-- Where on whose time line something may have changed: every copy of the run's events,
-- and every event of the orders that they belong to (an order's value shows in the
-- session of its first event).
with

order_events as (

    select
        visitor_id,
        event_ts,
        event_date,
        report_date,
    from {{ ref('int_order_events') }}
    where order_key in (select order_key from {{ ref('int_touched_orders') }})

),

copies as (

    select
        visitor_id,
        event_ts,
        event_date,
        report_date,
    from {{ ref('int_event_copies') }}

),

final as (

    select * from copies
    where visitor_id is not null
    union
    select * from order_events
    where visitor_id is not null

)

select * from final
