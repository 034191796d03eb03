{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}

-- Around each session that was made again: a visitor's sessions by the gap lie apart in time, two
-- runs of activity are more than the gap apart, those of one tracker's session follow each other,
-- and no session is as long as a cut.
with

touched as (

    select
        visitor_id,
        report_date,
    from {{ ref('int_sessions_remade') }}

),

dates as (

    select distinct
        unnest([
            report_date - 2, report_date - 1, report_date, report_date + 1, report_date + 2
        ]) as report_date
    from touched

),

sessions as (

    select
        session_id,
        visitor_id,
        started_at,
        ended_at,
        run_started_at,
        is_source_session,
        lag(ended_at) over visitor_sessions as previous_ended_at,
        lag(run_started_at) over visitor_sessions as previous_run_started_at,
    from {{ ref('fct_sessions') }} as all_sessions
    where visitor_id in (select visitor_id from touched)
        and report_date in (select cast(report_date as date) from dates)
    window visitor_sessions as (
        partition by visitor_id, {{ tracker_session_of('all_sessions') }}
        order by started_at, session_id
    )

),

final as (

    select
        session_id,
        visitor_id,
        started_at,
        ended_at,
        previous_ended_at,
    from sessions
    where started_at <= previous_ended_at
        or (
            run_started_at <> previous_run_started_at
            and not is_source_session
            and started_at - previous_ended_at
            <= interval ({{ var('session_gap_minutes') }}) minute
        )
        or (is_source_session and run_started_at <> previous_run_started_at)
        or run_started_at > started_at
        or started_at > ended_at
        or ended_at - started_at >= interval ({{ var('session_cut_hours') }}) hour

)

select * from final
