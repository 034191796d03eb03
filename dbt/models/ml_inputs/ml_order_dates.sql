-- On which dates persons ordered, and what for, as it was known on the arrival date `as_of_date`
-- (law 4). The whole past: who ordered first long ago is no new customer.
--
-- An order is what its own events say, and most have had no event since: those are in `fct_orders`
-- as they were then. Only orders that something has arrived of since are made again from the events
-- of then. To make all of them again took 6 s of half a million receipt lines, a partition.
with

later_events as (

    select order_key from {{ ref('int_order_events') }}
    where arrival_date > cast(getvariable('as_of_date') as date)
        and role in ('order', 'order_update')

),

unchanged_orders as (

    select
        visitor_id,
        user_id,
        ordered_at as event_ts,
        event_date,
        is_bot,
        gross_revenue,
    from ({{ bots_as_of(ref('fct_orders')) }}) as orders
    where order_key not in (select order_key from later_events)

),

order_events as (

    select * from ({{ bots_as_of(ref('int_order_events')) }}) as known
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and role in ('order', 'order_update')
        and order_key in (select order_key from later_events)

),

changed_orders as (

    select
        visitor_id,
        user_id,
        event_ts,
        event_date,
        is_bot,
        cast(gross_revenue as decimal(18, 4)) as gross_revenue,
    from ({{ valued_orders('order_events') }}) as valued

),

orders as (

    select * from unchanged_orders
    union all
    select * from changed_orders

),

known_orders as (

    select * from orders
    where event_date <= cast(getvariable('as_of_date') as date)
        and visitor_id is not null
        and not is_bot

),

labelled as (

    {{ persons_as_of('known_orders') }}

),

final as (

    select
        person_id,
        event_date as order_date,
        cast(sum(gross_revenue) as double) as value,
    from labelled
    group by person_id, event_date

)

select * from final
