-- How many orders there were on each date, and what for, as it was known on the arrival date
-- `as_of_date` (law 4).
with

known_orders as (

    select
        event_date,
        gross_revenue,
    from ({{ orders_as_of() }}) as orders
    where gross_revenue is not null
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and not is_bot

),

final as (

    select
        event_date,
        count(*) as orders,
        cast(sum(gross_revenue) as double) as gross_revenue,
    from known_orders
    group by event_date

)

select * from final
