{{
    config(
        materialized='replace_touched',
        replace_key=['product_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_product_dates'],
    )
}}

with

touched as (

    select * from {{ ref('int_touched_product_dates') }}

),

lists as (

    select
        event_key,
        report_date,
        product_id,
        category,
        brand,
        price,
        quantity,
        reporting_price,
        currency_rate,
        properties,
    from {{ ref('fct_events') }}
    where report_date in (select distinct report_date from touched)
        and role = 'list_view'
        and not is_bot

),

list_lines as (

    {{ event_lines('lists', ['event_key', 'report_date']) }}

),

list_counts as (

    select
        product_id,
        report_date,
        count(distinct event_key) as list_views,
    from list_lines
    where (product_id, report_date) in (select product_id, report_date from touched)
    group by product_id, report_date

),

clicked as (

    select
        event_key,
        impression_id,
    from {{ ref('fct_events') }}
    where report_date in (select distinct report_date from touched)
        and role = 'click'
        and not is_bot

),

interactions as (

    select
        event_key,
        product_id,
        report_date,
        interaction,
    from {{ ref('fct_product_interactions') }}
    where (product_id, report_date) in (select product_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
        and interaction <> 'order'
        and not is_bot

),

interaction_counts as (

    select
        interactions.product_id,
        interactions.report_date,
        {% for column, interaction in [
            ('list_clicks', 'product_click'), ('product_views', 'product_view'),
            ('wishlist_adds', 'wishlist_add'), ('cart_adds', 'cart_add'),
            ('cart_removals', 'cart_remove'),
        ] -%}
        count(distinct interactions.event_key)
        filter (where interactions.interaction = '{{ interaction }}') as {{ column }},
        {% endfor -%}
        count(*) filter (where interactions.interaction = 'impression') as impressions,
        count(distinct clicked.impression_id)
        + count(distinct interactions.event_key)
        filter (where interactions.interaction = 'click' and clicked.impression_id is null)
            as clicks,
    from interactions
    left join clicked on interactions.event_key = clicked.event_key
    group by interactions.product_id, interactions.report_date

),

orders as (

    select order_key from {{ ref('fct_orders') }}
    where report_date in (select distinct report_date from touched) and not is_bot

),

order_counts as (

    select
        items.product_id,
        items.report_date,
        count(distinct items.order_key) as orders,
        sum(items.quantity) as items,
        sum(items.line_revenue) as gross_revenue,
    from {{ ref('fct_order_items') }} as items
    inner join orders on items.order_key = orders.order_key
    where (items.product_id, items.report_date) in (select product_id, report_date from touched)
        and items.report_date in (select distinct report_date from touched)
    group by items.product_id, items.report_date

),

refunds as (

    select
        event_key,
        event_date,
        report_date,
    from {{ ref('fct_refunds') }}
    where report_date in (select distinct report_date from touched) and not is_bot

),

refund_lines as (

    select
        event_key,
        product_id,
        line_revenue,
    from {{ ref('int_order_lines') }}
    where event_key in (select event_key from refunds)
        and event_date in (select distinct event_date from refunds)

),

-- A refund may state its lines with either sign.
refunded as (

    select
        refunds.event_key,
        refund_lines.product_id,
        refunds.report_date,
        abs(sum(refund_lines.line_revenue)) as amount,
    from refund_lines
    inner join refunds on refund_lines.event_key = refunds.event_key
    group by refunds.event_key, refund_lines.product_id, refunds.report_date

),

refund_counts as (

    select
        product_id,
        report_date,
        sum(amount) as refunds,
    from refunded
    where (product_id, report_date) in (select product_id, report_date from touched)
    group by product_id, report_date

),

review_counts as (

    select
        product_id,
        report_date,
        count(*) as reviews,
        count(*) filter (where is_negative) as negative_reviews,
        sum(rating) as rating_sum,
    from {{ ref('fct_reviews') }}
    where (product_id, report_date) in (select product_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
        and rating is not null
        and not is_bot
    group by product_id, report_date

),

counts as (

    select
        product_id,
        report_date,
        {% for column in [
            'list_views', 'list_clicks', 'product_views', 'wishlist_adds', 'cart_adds',
            'cart_removals', 'impressions', 'clicks', 'orders', 'reviews', 'negative_reviews',
        ] -%}
        cast(coalesce(sum({{ column }}), 0) as bigint) as {{ column }},
        {% endfor -%}
        {% for column in ['items', 'gross_revenue', 'refunds', 'rating_sum'] -%}
        {{ total('coalesce(sum(' ~ column ~ '), 0)') }} as {{ column }},
        {% endfor -%}
    from (
        select * from list_counts
        union all by name
        select * from interaction_counts
        union all by name
        select * from order_counts
        union all by name
        select * from refund_counts
        union all by name
        select * from review_counts
    ) as parts
    group by product_id, report_date

),

final as (

    select
        report_date,
        product_id,
        list_views,
        list_clicks,
        product_views,
        wishlist_adds,
        cart_adds,
        cart_removals,
        orders,
        items,
        gross_revenue,
        refunds,
        {{ net_of('gross_revenue', 'refunds') }} as net_revenue,
        impressions,
        clicks,
        reviews,
        negative_reviews,
        rating_sum,
        {{ ratio_columns(of='product_performance') }}
    from counts
    where list_views + list_clicks + product_views + wishlist_adds + cart_adds + cart_removals
        + impressions + clicks + orders + reviews > 0
        or refunds <> 0

)

select * from final
