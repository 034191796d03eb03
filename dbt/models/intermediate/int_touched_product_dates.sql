-- The dates on which a product may count for something else now: those of each line of a touched
-- event and, since an order counts on its first event's date with the lines of another, every
-- product of a touched order on every date that an event of it lies on. All copies say what it was.
with

order_events as (

    select
        event_key,
        order_key,
        event_date,
        report_date,
    from {{ ref('int_order_events') }}
    where role in ('order', 'order_update')
        and order_key in (select order_key from {{ ref('int_touched_orders') }})

),

order_copies as (

    select
        *,
        {{ order_key('source', 'order_id', 'event_key') }} as order_key,
    from {{ ref('int_event_copies') }}
    where role in ('order', 'order_update')

),

order_dates as (

    select
        order_key,
        report_date,
    from order_events
    union
    select
        order_key,
        report_date,
    from order_copies

),

-- One line's worth of copies at a time: the macro joins on event_key, and copies share it.
losers as (

    select * replace (event_key || '-' || copy_number as event_key)
    from order_copies
    where copy_number > 1

),

losers_lines as (

    {{ event_lines('losers', ['order_key']) }}

),

present_lines as (

    select
        event_key,
        product_id,
    from {{ ref('int_order_lines') }}
    where event_key in (select event_key from order_events)
        and event_date in (select distinct event_date from order_events)

),

order_products as (

    select
        order_events.order_key,
        present_lines.product_id,
    from order_events
    inner join present_lines on order_events.event_key = present_lines.event_key
    union
    select
        order_key,
        product_id,
    from losers_lines

),

final as (

    select
        product_id,
        report_date,
    from {{ ref('int_touched_products') }}
    union
    select
        order_products.product_id,
        order_dates.report_date,
    from order_products
    inner join order_dates on order_products.order_key = order_dates.order_key
    where order_products.product_id is not null

)

select * from final
