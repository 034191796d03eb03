{% set gap = 'interval (' ~ var('session_gap_minutes') ~ ') minute' %}

-- The stored sessions that must be made again: those within a gap of a touched point, and all later
-- ones of the same run, whose 24-hour cuts hang on its start.
with

points as (

    select
        visitor_id,
        event_ts,
        report_date,
    from {{ ref('int_touched_points') }}

),

dates as (

    select distinct
        unnest([report_date - 2, report_date - 1, report_date, report_date + 1]) as report_date,
    from points

),

near_sessions as (

    select
        session_id,
        visitor_id,
        started_at,
        ended_at,
        run_started_at,
    from {{ state('fct_sessions') }}
    where visitor_id in (select visitor_id from points)
        and report_date in (select distinct cast(report_date as date) from dates)

),

adjacent as (

    select
        near_sessions.visitor_id,
        near_sessions.run_started_at,
        min(near_sessions.started_at) as from_started_at,
    from near_sessions
    inner join points
        on near_sessions.visitor_id = points.visitor_id
        and near_sessions.started_at <= points.event_ts + {{ gap }}
        and near_sessions.ended_at >= points.event_ts - {{ gap }}
    group by near_sessions.visitor_id, near_sessions.run_started_at

),

final as (

    select
        sessions.session_id,
        sessions.visitor_id,
        sessions.started_at,
        sessions.ended_at,
        sessions.run_started_at,
        sessions.report_date,
        -- The first one of a run anchors its cuts where the run began before it.
        sessions.started_at = adjacent.from_started_at
        and sessions.run_started_at < sessions.started_at as is_anchor,
    from {{ state('fct_sessions') }} as sessions
    inner join adjacent
        on sessions.visitor_id = adjacent.visitor_id
        and sessions.run_started_at = adjacent.run_started_at
        and sessions.started_at >= adjacent.from_started_at

)

select * from final
