{% set gap = 'interval (' ~ var('session_gap_minutes') ~ ') minute' %}

-- The stored sessions that must be made again: those within a gap of a touched point, the one that
-- a touched event of a tracker's session belongs to or comes after, and all later ones of the same
-- run, whose 24-hour cuts hang on its start.
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
        {{ tracker_session_of('stored') }} as tracker_session,
    from {{ state('fct_sessions') }} as stored
    where visitor_id in (select visitor_id from points)
        and report_date in (select distinct cast(report_date as date) from dates)

),

copies as (

    select
        visitor_id,
        event_ts,
        source,
        source_session_id,
    from {{ ref('int_event_copies') }}
    where visitor_id is not null

),

tracked_copies as (

    select distinct
        visitor_id,
        event_ts,
        tracker_session,
    from ({{ with_tracker_session('copies') }}) as tracked
    where tracker_session <> ''

),

-- A tracker's session may go on after any pause, so its run has no dates to look at.
tracked_runs as (

    select
        copies.visitor_id,
        copies.tracker_session,
        stored.run_started_at,
        coalesce(
            max(stored.started_at) filter (where stored.started_at <= copies.event_ts),
            min(stored.started_at)
        ) as started_at,
    from {{ state('fct_sessions') }} as stored
    inner join tracked_copies as copies
        on stored.visitor_id = copies.visitor_id
        and {{ tracker_session_of('stored') }} = copies.tracker_session
    group by
        copies.visitor_id, copies.tracker_session, copies.event_ts, stored.run_started_at

),

adjacent as (

    select
        visitor_id,
        tracker_session,
        run_started_at,
        min(started_at) as from_started_at,
    from (
        select
            near_sessions.visitor_id,
            near_sessions.tracker_session,
            near_sessions.run_started_at,
            near_sessions.started_at,
        from near_sessions
        inner join points
            on near_sessions.visitor_id = points.visitor_id
            and near_sessions.started_at <= points.event_ts + {{ gap }}
            and near_sessions.ended_at >= points.event_ts - {{ gap }}
        union all
        select
            visitor_id,
            tracker_session,
            run_started_at,
            started_at,
        from tracked_runs
    ) as first_sessions
    group by visitor_id, tracker_session, run_started_at

),

final as (

    select
        sessions.session_id,
        sessions.visitor_id,
        sessions.started_at,
        sessions.ended_at,
        sessions.run_started_at,
        sessions.report_date,
        adjacent.tracker_session,
        -- The first one of a run anchors its cuts where the run began before it.
        sessions.started_at = adjacent.from_started_at
        and sessions.run_started_at < sessions.started_at as is_anchor,
    from {{ state('fct_sessions') }} as sessions
    inner join adjacent
        on sessions.visitor_id = adjacent.visitor_id
        and {{ tracker_session_of('sessions') }} = adjacent.tracker_session
        and sessions.run_started_at = adjacent.run_started_at
        and sessions.started_at >= adjacent.from_started_at

)

select * from final
