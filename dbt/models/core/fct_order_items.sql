{{ config(replace_key=['order_key'], touched=['int_remade_orders']) }}

with

value_events as (

    select * from {{ ref('int_order_values') }}

),

lines as (

    select * from {{ ref('int_order_lines') }}
    where event_key in (select event_key from value_events)
        and event_date in (select distinct event_date from value_events)

),

final as (

    select
        lines.event_key,
        lines.line_number,
        value_events.order_key,
        orders.source,
        lines.product_id,
        lines.category,
        lines.brand,
        orders.report_date,
        lines.price,
        lines.quantity,
        lines.line_revenue,
        orders.ordered_at,
    from lines
    inner join value_events on lines.event_key = value_events.event_key
    inner join {{ ref('fct_orders') }} as orders on value_events.order_key = orders.order_key

)

select * from final
