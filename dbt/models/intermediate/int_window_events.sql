-- The stored events of the sessions that are made again, without those that the run replaces. By
-- time and not by session: after a kill they may bear new sessions that nobody has made yet.
with

windows as (

    select * from {{ ref('int_session_windows') }}

),

window_dates as (

    select distinct unnest([cast(started_at as date), cast(ended_at as date)]) as event_date
    from windows

),

winners as (

    select event_key from {{ ref('int_event_copies') }}
    where copy_number = 1

),

stored as (

    select * exclude (session_id)
    from {{ state('fct_events') }}
    where is_sessionable
        and visitor_id in (select visitor_id from windows)
        and event_date in (select distinct event_date from window_dates)
        and event_key not in (select event_key from winners)

),

final as (

    select events.* exclude (tracker_session)
    from ({{ with_tracker_session('stored') }}) as events
    inner join windows
        on events.visitor_id = windows.visitor_id
        and events.tracker_session = windows.tracker_session
        and events.event_ts between windows.started_at and windows.ended_at

)

select * from final
