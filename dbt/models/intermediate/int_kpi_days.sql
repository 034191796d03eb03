{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_dates'],
    )
}}

-- The counts of each report date, one row a date; everything else about dates is
-- arithmetic on these.
with

dates as (

    select report_date from {{ ref('int_touched_dates') }}

),

events as (

    select * from {{ ref('fct_events') }}
    where report_date in (select report_date from dates) and not is_bot

),

interactions as (

    select
        event_key,
        count(*) as line_count,
    from {{ ref('fct_product_interactions') }}
    where report_date in (select report_date from dates)
        and interaction = 'impression'
        and not is_bot
    group by event_key

),

event_counts as (

    select
        events.report_date,
        count(*) as event_count,
        count(distinct events.visitor_id) filter (where events.is_sessionable) as visitors,
        count(*) filter (where events.role = 'page_view') as page_views,
        count(*) filter (where events.role = 'product_view') as product_views,
        count(*) filter (where events.role = 'cart_add') as cart_adds,
        count(*) filter (where events.role = 'checkout') as checkouts,
        cast(
            sum(coalesce(interactions.line_count, 1)) filter (where events.role = 'impression')
            as bigint
        ) as impressions,
        {{ click_count('events') }} as clicks,
    from events
    left join interactions on events.event_key = interactions.event_key
    group by events.report_date

),

session_counts as (

    select
        report_date,
        count(*) as sessions,
        count(*) filter (where is_new_visitor) as new_visitors,
        count(*) filter (where is_engaged) as engaged_sessions,
        count(*) filter (where orders >= 1) as converting_sessions,
    from {{ ref('fct_sessions') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

order_counts as (

    select
        report_date,
        count(*) as orders,
        count(*) filter (where gross_revenue is null) as orders_without_value,
        count(distinct visitor_id) as converting_visitors,
        sum(items) as items,
        sum(gross_revenue) as gross_revenue,
    from {{ ref('fct_orders') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

refund_counts as (

    select
        report_date,
        sum(amount) as refunds,
    from {{ ref('fct_refunds') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

person_counts as (

    select
        report_date,
        count(distinct person_id) filter (where active_event_count > 0) as persons,
        count(distinct person_id) filter (where order_count > 0) as ordering_persons,
    from {{ ref('int_person_days') }}
    where report_date in (select report_date from dates)
    group by report_date

),

final as (

    select
        event_counts.report_date,
        event_counts.visitors,
        coalesce(person_counts.persons, 0) as persons,
        coalesce(session_counts.new_visitors, 0) as new_visitors,
        coalesce(session_counts.sessions, 0) as sessions,
        coalesce(session_counts.engaged_sessions, 0) as engaged_sessions,
        coalesce(session_counts.converting_sessions, 0) as converting_sessions,
        event_counts.page_views,
        event_counts.product_views,
        event_counts.cart_adds,
        event_counts.checkouts,
        coalesce(order_counts.orders, 0) as orders,
        coalesce(order_counts.orders_without_value, 0) as orders_without_value,
        coalesce(order_counts.converting_visitors, 0) as converting_visitors,
        coalesce(person_counts.ordering_persons, 0) as ordering_persons,
        {{ total('coalesce(order_counts.items, 0)') }} as items,
        {{ total('coalesce(order_counts.gross_revenue, 0)') }} as gross_revenue,
        {{ total('coalesce(refund_counts.refunds, 0)') }} as refunds,
        coalesce(event_counts.impressions, 0) as impressions,
        event_counts.clicks,
    from event_counts
    left join session_counts on event_counts.report_date = session_counts.report_date
    left join order_counts on event_counts.report_date = order_counts.report_date
    left join refund_counts on event_counts.report_date = refund_counts.report_date
    left join person_counts on event_counts.report_date = person_counts.report_date

)

select * from final
