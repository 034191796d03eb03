{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_dates'],
    )
}}

with

dates as (

    select report_date from {{ ref('int_touched_dates') }}

),

-- A session lasts less than 24 hours, which touch three dates where the clocks go forward.
sessions as (

    select
        session_id,
        report_date,
        is_new_visitor,
        is_engaged,
        is_bot,
        orders,
        source,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        coalesce(channel, '(not set)') as channel,
    from {{ ref('fct_sessions') }}
    where report_date in (
            select distinct unnest([report_date - 2, report_date - 1, report_date]) as report_date
            from dates
        )

),

orders as (

    select
        order_key,
        report_date,
        visitor_id,
        session_id,
        source,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        gross_revenue,
        items,
    from {{ ref('fct_orders') }}
    where report_date in (select report_date from dates) and not is_bot

),

session_categories as (

    select distinct
        sessions.session_id,
        coalesce(lines.category, session_events.category) as category,
    from sessions
    inner join (
        select
            event_key,
            session_id,
            coalesce(category, '(not set)') as category,
        from {{ ref('fct_events') }}
        where session_id in (
                select session_id from sessions
                where report_date in (select report_date from dates)
            )
            and report_date in (
                select distinct
                    unnest([report_date, report_date + 1, report_date + 2]) as report_date,
                from dates
            )
            and not is_bot
    ) as session_events on sessions.session_id = session_events.session_id
    left join (
        select distinct
            event_key,
            coalesce(category, '(not set)') as category,
        from {{ ref('fct_product_interactions') }}
        where report_date in (
                select distinct
                    unnest([report_date, report_date + 1, report_date + 2]) as report_date,
                from dates
            )
    ) as lines on session_events.event_key = lines.event_key

),

order_categories as (

    select
        order_key,
        coalesce(category, '(not set)') as category,
        sum(quantity) as items,
        sum(line_revenue) as gross_revenue,
    from {{ ref('fct_order_items') }}
    where order_key in (select order_key from orders)
    group by order_key, coalesce(category, '(not set)')

),

session_values as (

    {% for dimension in ['device_type', 'country', 'source', 'channel'] -%}
    select
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        sessions.*,
    from sessions
    union all
    {% endfor -%}
    select
        'category' as dimension,
        session_categories.category as value,
        sessions.*,
    from sessions
    inner join session_categories on sessions.session_id = session_categories.session_id

),

session_counts as (

    select
        report_date,
        dimension,
        value,
        count(*) as sessions,
        count(*) filter (where is_new_visitor) as new_visitors,
        count(*) filter (where is_engaged) as engaged_sessions,
        count(*) filter (where orders >= 1) as converting_sessions,
    from session_values
    where not is_bot and report_date in (select report_date from dates)
    group by report_date, dimension, value

),

order_values as (

    {% for dimension in ['device_type', 'country', 'source'] -%}
    select
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        orders.report_date,
        orders.visitor_id,
        orders.items,
        orders.gross_revenue,
    from orders
    union all
    {% endfor -%}
    select
        'channel' as dimension,
        coalesce(sessions.channel, '(not set)') as value,
        orders.report_date,
        orders.visitor_id,
        orders.items,
        orders.gross_revenue,
    from orders
    left join sessions on orders.session_id = sessions.session_id
    union all
    select
        'category' as dimension,
        coalesce(order_categories.category, '(not set)') as value,
        orders.report_date,
        orders.visitor_id,
        case
            when order_categories.order_key is null then orders.items
            else order_categories.items
        end as items,
        case
            when order_categories.order_key is null then orders.gross_revenue
            else order_categories.gross_revenue
        end as gross_revenue,
    from orders
    left join order_categories on orders.order_key = order_categories.order_key

),

order_counts as (

    select
        report_date,
        dimension,
        value,
        count(*) as orders,
        count(*) filter (where gross_revenue is null) as orders_without_value,
        count(distinct visitor_id) as converting_visitors,
        sum(items) as items,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
    from order_values
    group by report_date, dimension, value

),

refunds as (

    select * from {{ ref('fct_refunds') }}
    where report_date in (select report_date from dates) and not is_bot

),

refund_counts as (

    {% for dimension in ['device_type', 'country', 'source', 'category'] -%}
    select
        report_date,
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}, '(not set)') as value,
        sum(amount) as refunds,
    from refunds
    group by report_date, coalesce({{ dimension }}, '(not set)')
    union all
    {% endfor -%}
    select
        report_date,
        'channel' as dimension,
        '(not set)' as value,
        sum(amount) as refunds,
    from refunds
    group by report_date

),

counts as (

    select
        report_date,
        dimension,
        value,
        {% for column in [
            'visitors', 'persons', 'new_visitors', 'sessions', 'engaged_sessions',
            'converting_sessions', 'page_views', 'product_views', 'cart_adds', 'checkouts', 'orders',
            'orders_without_value',
            'converting_visitors', 'impressions', 'clicks',
        ] -%}
        cast(coalesce(sum({{ column }}), 0) as bigint) as {{ column }},
        {% endfor -%}
        {% for column in ['items', 'gross_revenue', 'refunds'] -%}
        {{ total('coalesce(sum(' ~ column ~ '), 0)') }} as {{ column }},
        {% endfor -%}
    from (
        select * from {{ ref('int_events_by_dimension') }}
        union all by name
        select * from session_counts
        union all by name
        select * from order_counts
        union all by name
        select * from refund_counts
    ) as parts
    group by report_date, dimension, value

),

final as (

    select
        report_date,
        dimension,
        value,
        visitors,
        persons,
        new_visitors,
        sessions,
        engaged_sessions,
        converting_sessions,
        page_views,
        product_views,
        cart_adds,
        checkouts,
        orders,
        orders_without_value,
        converting_visitors,
        items,
        gross_revenue,
        refunds,
        {{ net_of('gross_revenue', 'refunds') }} as net_revenue,
        impressions,
        clicks,
    from counts
    where visitors + persons + new_visitors + sessions + page_views + product_views + cart_adds
        + checkouts + orders + converting_visitors + items + impressions + clicks > 0
        or gross_revenue <> 0
        or refunds <> 0

)

select * from final
