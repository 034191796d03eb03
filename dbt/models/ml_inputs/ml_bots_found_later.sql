-- Events that are a machine's by how fast their visitor was, which nobody knew yet on the arrival
-- date `as_of_date`.
with

visitor_days as (

    select
        visitor_id,
        event_date,
    from {{ ref('int_fast_visitor_days') }}
    where fast_from_arrival_date > cast(getvariable('as_of_date') as date)

),

final as (

    select event_key
    from {{ ref('fct_events') }}
    where not is_declared_bot
        and (visitor_id, event_date) in (select (visitor_id, event_date) from visitor_days)
        and event_date in (select distinct event_date from visitor_days)

)

select * from final
