{{ config(meta={'dagster': {'ref': {'name': 'product_performance'}}}) }}

-- On touched dates the products of all orders add up to the pieces and the revenue of the order
-- lines that name one, and no product has more orders than the date.
with

touched as (

    select distinct report_date from {{ ref('int_touched_product_dates') }}

),

orders as (

    select
        order_key,
        report_date,
    from {{ ref('fct_orders') }}
    where report_date in (select report_date from touched) and not is_bot

),

lines as (

    select
        orders.report_date,
        count(distinct orders.order_key) as orders,
        coalesce(sum(items.quantity) filter (where items.product_id is not null), 0) as items,
        coalesce(sum(items.line_revenue) filter (where items.product_id is not null), 0)
            as gross_revenue,
    from orders
    left join {{ ref('fct_order_items') }} as items on orders.order_key = items.order_key
    group by orders.report_date

),

products as (

    select
        report_date,
        max(orders) as most_orders,
        sum(items) as items,
        sum(gross_revenue) as gross_revenue,
    from {{ ref('product_performance') }}
    where report_date in (select report_date from touched)
    group by report_date

),

final as (

    select coalesce(lines.report_date, products.report_date) as report_date
    from lines
    full join products on lines.report_date = products.report_date
    where coalesce(products.items, 0) <> coalesce(lines.items, 0)
        or coalesce(products.gross_revenue, 0) <> coalesce(lines.gross_revenue, 0)
        or coalesce(products.most_orders, 0) > coalesce(lines.orders, 0)

)

select * from final
