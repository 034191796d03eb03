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

views as (

    select
        report_date,
        coalesce(page_path, '(not set)') as page_path,
        count(*) as page_views,
        count(distinct visitor_id) as page_visitors,
        count(dwell_s) as views_with_dwell,
        -- Doubles would add up to something else in another order.
        sum(cast(dwell_s as decimal(18, 6))) as dwell_s_sum,
        count(engaged_s) as views_with_pings,
        sum(engaged_s) as engaged_s_sum,
        count(scroll_depth_pct) as views_with_scroll,
        sum(cast(scroll_depth_pct as decimal(18, 6))) as scroll_depth_pct_sum,
    from {{ ref('fct_page_views') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date, coalesce(page_path, '(not set)')

),

sessions as (

    select * from {{ ref('fct_sessions') }}
    where report_date in (select report_date from dates) and not is_bot

),

entries as (

    select
        report_date,
        entry_page as page_path,
        count(*) as entrances,
        count(*) filter (where is_bounce) as bounces,
    from sessions
    where entry_page is not null
    group by report_date, entry_page

),

exits as (

    select
        report_date,
        exit_page as page_path,
        count(*) as exits,
    from sessions
    where exit_page is not null
    group by report_date, exit_page

),

-- Each count is of one of the three.
counts as (

    select
        report_date,
        page_path,
        coalesce(max(page_views), 0) as page_views,
        coalesce(max(page_visitors), 0) as page_visitors,
        coalesce(max(entrances), 0) as entrances,
        coalesce(max(bounces), 0) as bounces,
        coalesce(max(exits), 0) as exits,
        coalesce(max(views_with_dwell), 0) as views_with_dwell,
        cast(coalesce(max(dwell_s_sum), 0) as decimal(18, 6)) as dwell_s_sum,
        coalesce(max(views_with_pings), 0) as views_with_pings,
        cast(coalesce(max(engaged_s_sum), 0) as bigint) as engaged_s_sum,
        coalesce(max(views_with_scroll), 0) as views_with_scroll,
        cast(coalesce(max(scroll_depth_pct_sum), 0) as decimal(18, 6)) as scroll_depth_pct_sum,
    from (
        select * from views
        union all by name
        select * from entries
        union all by name
        select * from exits
    ) as counted
    group by report_date, page_path

),

final as (

    select
        report_date,
        page_path,
        page_views,
        page_visitors,
        entrances,
        bounces,
        exits,
        views_with_dwell,
        dwell_s_sum,
        views_with_pings,
        engaged_s_sum,
        views_with_scroll,
        scroll_depth_pct_sum,
        {{ ratio_columns(of='page_engagement') }}
    from counts

)

select * from final
