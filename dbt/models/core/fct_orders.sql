{{ config(replace_key=['order_key'], touched=['int_remade_orders']) }}

with

order_events as (

    select * from {{ ref('int_order_events') }}
    where role = 'order'
        and order_key in (select order_key from {{ ref('int_remade_orders') }})

),

first_events as (

    select * from order_events
    qualify row_number() over (partition by order_key order by event_ts, event_key) = 1

),

sessions as (

    select
        event_key,
        session_id,
    from {{ ref('fct_events') }}
    where event_key in (select event_key from first_events)
        and event_date in (select distinct event_date from first_events)

),

order_values as (

    select
        order_key,
        sum(stated_value) as gross_revenue,
        sum(items) as items,
        sum(line_count) as line_count,
        arg_min(coupon, {{ event_order() }}) filter (where coupon is not null) as coupon,
    from {{ ref('int_order_values') }}
    group by order_key

),

final as (

    select
        first_events.order_key,
        first_events.source,
        first_events.order_id,
        first_events.cart_id,
        first_events.event_key,
        first_events.visitor_id,
        first_events.user_id,
        sessions.session_id,
        first_events.report_date,
        first_events.event_date,
        first_events.device_type,
        first_events.country,
        order_values.coupon,
        settings.reporting_currency as currency,
        first_events.is_bot,
        {{ total('order_values.gross_revenue') }} as gross_revenue,
        {{ total('order_values.items') }} as items,
        cast(order_values.line_count as bigint) as line_count,
        first_events.event_ts as ordered_at,
    from first_events
    inner join order_values on first_events.order_key = order_values.order_key
    inner join sessions on first_events.event_key = sessions.event_key
    cross join {{ source('inputs', 'settings') }} as settings

)

select * from final
