-- The stored events of the sessions that are made again, without those that the
-- run replaces anyway.
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

final as (

    select events.* exclude (session_id)
    from {{ state('fct_events') }} as events
    inner join windows
        on events.visitor_id = windows.visitor_id
        and events.event_ts between windows.started_at and windows.ended_at
    where events.is_sessionable
        and events.event_date in (select distinct event_date from window_dates)
        and events.event_key not in (select event_key from winners)

)

select * from final
