-- On which dates persons ordered, and what for, as it was known on the arrival date `as_of_date`
-- (law 4). The whole past: who ordered first long ago is no new customer. Orders and their values are
-- made here of the events of then, since the facts of today know more.
with

order_events as (

    select * from {{ ref('int_order_events') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and event_date <= cast(getvariable('as_of_date') as date)
        and role in ('order', 'order_update')

),

order_values as (

    select
        order_key,
        sum(stated_value) as gross_revenue,
    from ({{ order_value_events('order_events') }}) as value_events
    group by order_key

),

first_order_events as (

    select * from order_events
    where role = 'order'
    qualify row_number() over (partition by order_key order by event_ts, event_key) = 1

),

orders as (

    select
        first_order_events.visitor_id,
        first_order_events.user_id,
        first_order_events.event_ts,
        first_order_events.event_date,
        order_values.gross_revenue,
    from first_order_events
    inner join order_values on first_order_events.order_key = order_values.order_key
    where first_order_events.visitor_id is not null
        and not first_order_events.is_bot

),

labelled as (

    {{ persons_as_of('orders') }}

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
