{{ config(meta={'dagster': {'ref': {'name': 'fct_order_items'}}}) }}

-- An order that was made again stands once; its pieces and lines are those of its items, and where
-- none of its value events states a revenue its value is their sum.
with

value_events as (

    select
        event_key,
        event_date,
        order_key,
    from {{ ref('int_order_values') }}

),

stated as (

    select
        order_key,
        count(reporting_revenue) as stated_count,
    from {{ ref('int_order_events') }}
    where event_key in (select event_key from value_events)
        and event_date in (select distinct event_date from value_events)
    group by order_key

),

orders as (

    select
        order_key,
        report_date,
        gross_revenue,
        items,
        line_count,
        count(*) over (partition by order_key) as row_count,
    from {{ ref('fct_orders') }}
    where order_key in (select order_key from value_events)

),

lines as (

    select
        order_key,
        sum(line_revenue) as line_revenue,
        sum(quantity) as quantity,
        count(*) as line_count,
    from {{ ref('fct_order_items') }}
    where order_key in (select order_key from value_events)
        and report_date in (select distinct report_date from orders)
    group by order_key

),

final as (

    select
        stated.order_key,
        orders.row_count,
        orders.gross_revenue,
        lines.line_revenue,
    from stated
    left join orders on stated.order_key = orders.order_key
    left join lines on stated.order_key = lines.order_key
    where orders.row_count is distinct from 1
        or orders.items <> coalesce(lines.quantity, 0)
        or orders.line_count <> coalesce(lines.line_count, 0)
        or (stated.stated_count = 0 and orders.gross_revenue is distinct from lines.line_revenue)

)

select * from final
