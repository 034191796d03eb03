-- All touched events and all events of the windows, with the session that each is in now. Narrow:
-- `int_events_remade` has the rest of their columns.
with

windows as (

    select * from {{ ref('int_session_windows') }}

),

events as (

    select
        event_key,
        event_date,
        report_date,
        visitor_id,
        event_ts,
        is_sessionable,
        source,
        source_session_id,
    from {{ ref('int_event_copies') }}
    where copy_number = 1
    union all
    select
        event_key,
        event_date,
        report_date,
        visitor_id,
        event_ts,
        is_sessionable,
        source,
        source_session_id,
    from {{ ref('int_window_events') }}

),

pauses as (

    select
        event_key,
        visitor_id,
        event_ts,
        tracker_session,
        event_ts - lag(event_ts) over (
            partition by visitor_id, tracker_session order by event_ts, event_key
        ) as pause,
    from ({{ with_tracker_session('events') }}) as tracked
    where is_sessionable

),

gaps as (

    select
        * exclude (pause),
        {{ opens_run() }} as opens_run,
    from pauses

),

runs as (

    select
        *,
        sum(cast(opens_run as integer)) over (
            partition by visitor_id, tracker_session order by event_ts, event_key
            rows unbounded preceding
        ) as run_number,
    from gaps

),

run_starts as (

    select
        runs.visitor_id,
        runs.tracker_session,
        runs.run_number,
        coalesce(min(anchors.run_started_at), min(runs.event_ts)) as run_started_at,
    from runs
    -- A tracker's session is one run, which may have a new first event among those looked at.
    left join windows as anchors
        on runs.visitor_id = anchors.visitor_id
        and runs.tracker_session = anchors.tracker_session
        and (runs.event_ts = anchors.started_at or runs.tracker_session <> '')
        and runs.opens_run
        and anchors.is_anchor
    group by runs.visitor_id, runs.tracker_session, runs.run_number

),

cuts as (

    select
        runs.event_key,
        runs.visitor_id,
        runs.event_ts,
        runs.tracker_session,
        runs.run_number,
        run_starts.run_started_at,
        (epoch_us(runs.event_ts) - epoch_us(run_starts.run_started_at))
        // ({{ var('session_cut_hours') }} * 3600000000) as cut_number,
    from runs
    inner join run_starts
        on runs.visitor_id = run_starts.visitor_id
        and runs.tracker_session = run_starts.tracker_session
        and runs.run_number = run_starts.run_number

),

named as (

    select
        event_key,
        run_started_at,
        tracker_session <> '' as is_source_session,
        md5(visitor_id || chr(31) || first_value(event_key) over (
            partition by visitor_id, tracker_session, run_number, cut_number
            order by event_ts, event_key
        )) as session_id,
    from cuts

),

final as (

    select
        events.* exclude (is_sessionable, source, source_session_id),
        named.session_id,
        named.run_started_at,
        named.is_source_session,
    from events
    left join named on events.event_key = named.event_key

)

select * from final
