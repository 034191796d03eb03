{{ config(meta={'dagster': {'ref': {'name': 'dim_products'}}}) }}

-- Each product that was touched stands once in dim_products if some line names it, with all its
-- lines counted.
with

touched as (

    select distinct product_id from {{ ref('int_touched_products') }}

),

products as (

    select
        product_id,
        count(*) as row_count,
        any_value(interaction_count) as interaction_count,
    from {{ ref('dim_products') }}
    where product_id in (select product_id from touched)
    group by product_id

),

days as (

    select
        product_id,
        sum(interaction_count) as interaction_count,
    from {{ ref('int_product_days') }}
    where product_id in (select product_id from touched)
    group by product_id

),

final as (

    select
        coalesce(products.product_id, days.product_id) as product_id,
        products.row_count,
        products.interaction_count,
        days.interaction_count as counted,
    from products
    full outer join days on products.product_id = days.product_id
    where products.row_count is distinct from 1
        or products.interaction_count is distinct from days.interaction_count

)

select * from final
