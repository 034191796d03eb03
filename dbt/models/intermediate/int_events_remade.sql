{{ config(as_view=true) }}

-- The touched events and those of the windows, whole, as they are now.
with

events as (

    select * exclude (copy_number)
    from {{ ref('int_event_copies') }}
    where copy_number = 1
    union all by name
    select * from {{ ref('int_window_events') }}

),

final as (

    select
        events.*,
        sessionized.session_id,
        sessionized.run_started_at,
        sessionized.is_source_session,
    from events
    inner join {{ ref('int_events_sessionized') }} as sessionized
        on events.event_key = sessionized.event_key

)

select * from final
