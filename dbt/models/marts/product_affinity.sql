{{ config(materialized='made_view') }}

-- A view: its window moves every day, and pairs are many more than the orders that they come from.
with

as_of as (

    {{ latest_closed_date() }}

),

window_dates as (

    select
        cast(unnest(generate_series(
            cast(as_of_date as timestamp) - interval ({{ var('affinity_days') }} - 1) day,
            cast(as_of_date as timestamp),
            interval 1 day
        )) as date) as report_date,
    from as_of

),

orders as (

    select order_key from {{ ref_beside('fct_orders') }}
    where report_date in (select report_date from window_dates) and not is_bot

),

ordered as (

    select distinct
        order_key,
        product_id,
    from {{ ref_beside('fct_order_items') }}
    where report_date in (select report_date from window_dates)
        and order_key in (select order_key from orders)
        and product_id is not null

),

sized as (

    select
        *,
        count(*) over (partition by order_key) as product_count,
    from ordered

),

-- An order of n products has n² pairs; those of hundreds are a dealer's, and say little.
baskets as (

    select
        order_key,
        product_id,
    from sized
    where product_count <= {{ var('affinity_max_products') }}

),

totals as (

    select count(distinct order_key) as orders_in_window from baskets

),

products as (

    select
        product_id,
        count(*) as orders_with_product,
    from baskets
    group by product_id

),

pairs as (

    select
        baskets.product_id,
        others.product_id as other_product_id,
        count(*) as orders_with_both,
    from baskets
    inner join baskets as others
        on baskets.order_key = others.order_key
        and baskets.product_id < others.product_id
    group by baskets.product_id, others.product_id

),

directed as (

    select
        product_id,
        other_product_id,
        orders_with_both,
    from pairs
    union all
    select
        other_product_id as product_id,
        product_id as other_product_id,
        orders_with_both,
    from pairs

),

counts as (

    select
        directed.*,
        products.orders_with_product,
        others.orders_with_product as orders_with_other,
        totals.orders_in_window,
        -- Of partners with as many orders the rarer one has the higher lift.
        row_number() over (
            partition by directed.product_id
            order by
                directed.orders_with_both desc,
                others.orders_with_product,
                directed.other_product_id
        ) as rank,
    from directed
    inner join products on directed.product_id = products.product_id
    inner join products as others on directed.other_product_id = others.product_id
    cross join totals

),

final as (

    select
        counts.product_id,
        cast(counts.rank as integer) as rank,
        counts.other_product_id,
        as_of.as_of_date - ({{ var('affinity_days') }} - 1) as window_from,
        as_of.as_of_date as window_to,
        counts.orders_in_window,
        counts.orders_with_product,
        counts.orders_with_other,
        counts.orders_with_both,
        {{ ratio_columns(of='product_affinity') }}
    from counts
    cross join as_of
    where counts.rank <= {{ var('affinity_partners') }}

)

select * from final
