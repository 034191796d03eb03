{{ config(meta={'dagster': {'ref': {'name': 'fct_events'}}}) }}

-- A touched event is a machine's if it says so, or if its visitor was fast on its date.
with

copies as (

    select
        event_key,
        event_date,
    from {{ ref('int_event_copies') }}

),

events as (

    select
        event_key,
        event_date,
        visitor_id,
        is_bot,
        is_declared_bot,
    from {{ ref('fct_events') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)

),

final as (

    select events.*
    from events
    left join {{ ref('int_fast_visitor_days') }} as fast
        on events.visitor_id = fast.visitor_id
        and events.event_date = fast.event_date
    where events.is_bot is distinct from (events.is_declared_bot or fast.visitor_id is not null)

)

select * from final
