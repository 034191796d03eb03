{{ config(materialized='made_whole') }}

-- Whole in every run: one row a date, and the sums to date run over all of them.
with

days as (

    select * from {{ ref('int_kpi_days') }}

),

as_of as (

    {{ latest_closed_date() }}

),

calendar as (

    select
        cast(unnest(generate_series(
            cast(min(days.report_date) as timestamp),
            cast(greatest(max(days.report_date), any_value(as_of.as_of_date)) as timestamp),
            interval 1 day
        )) as date) as report_date
    from days
    cross join as_of

),

first_orders as (

    select
        first_order_date as report_date,
        count(*) as new_buyers,
        count(*) filter (where first_date_order_count = 1) as single_order_new_buyers,
    from {{ ref('int_person_totals') }}
    where first_order_date is not null
    group by first_order_date

),

carts as (

    {{ cart_counts(ref('int_cart_days'), 'as_of') }}

),

counts as (

    select
        calendar.report_date,
        coalesce(days.visitors, 0) as visitors,
        coalesce(days.persons, 0) as persons,
        coalesce(days.new_visitors, 0) as new_visitors,
        coalesce(days.sessions, 0) as sessions,
        coalesce(days.engaged_sessions, 0) as engaged_sessions,
        coalesce(days.converting_sessions, 0) as converting_sessions,
        coalesce(days.page_views, 0) as page_views,
        coalesce(days.product_views, 0) as product_views,
        coalesce(days.cart_adds, 0) as cart_adds,
        coalesce(days.checkouts, 0) as checkouts,
        coalesce(days.orders, 0) as orders,
        coalesce(days.orders_without_value, 0) as orders_without_value,
        coalesce(days.converting_visitors, 0) as converting_visitors,
        coalesce(days.ordering_persons, 0) as ordering_persons,
        coalesce(days.ordering_persons, 0) - coalesce(first_orders.single_order_new_buyers, 0)
            as repeat_ordering_persons,
        coalesce(days.items, 0) as items,
        coalesce(days.gross_revenue, 0) as gross_revenue,
        coalesce(days.refunds, 0) as refunds,
        {{ net_of('coalesce(days.gross_revenue, 0)', 'coalesce(days.refunds, 0)') }} as net_revenue,
        coalesce(days.impressions, 0) as impressions,
        coalesce(days.clicks, 0) as clicks,
        coalesce(carts.carts, 0) as carts,
        coalesce(carts.ended_carts, 0) as ended_carts,
        coalesce(carts.abandoned_carts, 0) as abandoned_carts,
        coalesce(active.dau, 0) as dau,
        coalesce(active.wau, 0) as wau,
        coalesce(active.mau, 0) as mau,
        sum({{ net_of('coalesce(days.gross_revenue, 0)', 'coalesce(days.refunds, 0)') }}) over (
            order by calendar.report_date rows unbounded preceding
        ) as cumulative_net_revenue,
        sum(coalesce(first_orders.new_buyers, 0)) over (
            order by calendar.report_date rows unbounded preceding
        ) as cumulative_buyers,
    from calendar
    left join days on calendar.report_date = days.report_date
    left join {{ ref('int_active_persons') }} as active on calendar.report_date = active.report_date
    left join first_orders on calendar.report_date = first_orders.report_date
    left join carts on calendar.report_date = carts.report_date

),

final as (

    select
        report_date,
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
        ordering_persons,
        repeat_ordering_persons,
        cast(items as decimal(18, 4)) as items,
        cast(gross_revenue as decimal(18, 4)) as gross_revenue,
        cast(refunds as decimal(18, 4)) as refunds,
        net_revenue,
        impressions,
        clicks,
        carts,
        ended_carts,
        abandoned_carts,
        dau,
        wau,
        mau,
        {{ total('cumulative_net_revenue') }} as cumulative_net_revenue,
        cast(cumulative_buyers as bigint) as cumulative_buyers,
        {{ ratio_columns() }}
    from counts

)

select * from final
