-- On which dates persons ordered, and what for, as it was known on the arrival date `as_of_date`
-- (law 4). The whole past: who ordered first long ago is no new customer.
with

known_orders as (

    select * from ({{ orders_as_of() }}) as orders
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
