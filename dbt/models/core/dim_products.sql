{{ config(replace_key=['product_id'], touched=['int_touched_products']) }}

with

days as (

    select * from {{ ref('int_product_days') }}
    where product_id in (select product_id from {{ ref('int_touched_products') }})

),

final as (

    select
        product_id,
        arg_max(last_category, last_category_order) as category,
        arg_max(last_brand, last_brand_order) as brand,
        arg_max(last_price, last_price_order) as last_price,
        cast(sum(interaction_count) as bigint) as interaction_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
    from days
    group by product_id

)

select * from final
