{{
    config(
        materialized='replace_touched',
        replace_key=['product_id', 'event_date'],
        prune_by='event_date',
        touched=['int_touched_products'],
    )
}}

with

touched as (

    select * from {{ ref('int_touched_products') }}

),

interactions as (

    select
        *,
        {{ event_order() }} || lpad(cast(line_number as varchar), 9, '0') as line_order,
    from {{ ref('fct_product_interactions') }}
    where (product_id, event_date) in (select product_id, event_date from touched)
        and event_date in (select distinct event_date from touched)

),

final as (

    select
        product_id,
        event_date,
        arg_max(category, line_order) filter (where category is not null) as last_category,
        max(line_order) filter (where category is not null) as last_category_order,
        arg_max(brand, line_order) filter (where brand is not null) as last_brand,
        max(line_order) filter (where brand is not null) as last_brand_order,
        arg_max(price, line_order) filter (where price is not null) as last_price,
        max(line_order) filter (where price is not null) as last_price_order,
        min(event_ts) as first_seen_at,
        max(event_ts) as last_seen_at,
        count(*) as interaction_count,
    from interactions
    group by product_id, event_date

)

select * from final
