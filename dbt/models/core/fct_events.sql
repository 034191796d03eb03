{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

with

events as (

    select * exclude (run_started_at, is_source_session)
    from {{ ref('int_events_remade') }}

)

select * from events
