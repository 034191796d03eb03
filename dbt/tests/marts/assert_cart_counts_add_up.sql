{{ config(meta={'dagster': {'ref': {'name': 'cart_abandonment'}}}) }}

-- A cart is open or has ended in one way, and what the marts count on a touched date are the carts
-- of the facts.
with

dates as (

    select report_date from {{ ref('int_touched_cart_dates') }}

),

facts as (

    select
        report_date,
        count(*) as carts,
        count(*) filter (where state in ('abandoned', 'recovered')) as abandoned_carts,
    from {{ ref('fct_carts') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

final as (

    select counts.*
    from {{ ref('cart_abandonment') }} as counts
    left join facts on counts.report_date = facts.report_date
    where counts.report_date in (select report_date from dates)
        and (
            counts.carts <> counts.open_carts + counts.ended_carts
            or counts.ended_carts
            <> counts.ordered_carts + counts.emptied_carts + counts.abandoned_carts
            or counts.recovered_carts > counts.abandoned_carts
            or counts.recovered_value > counts.abandoned_value
            or counts.cart_abandonment_rate not between 0 and 1
            or counts.carts <> coalesce(facts.carts, 0)
            or counts.abandoned_carts <> coalesce(facts.abandoned_carts, 0)
        )

)

select * from final
