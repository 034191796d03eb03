{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_engagement_dates'],
    )
}}

with

searches as (

    select
        *,
        coalesce(query, '(not set)') as searched_query,
    from {{ ref('fct_searches') }}
    where report_date in (select report_date from {{ ref('int_touched_engagement_dates') }})
        and not is_bot

),

counts as (

    select
        report_date,
        searched_query as query,
        count(*) as searches,
        count(distinct visitor_id) as searchers,
        count(result_count) as searches_with_result_count,
        cast(coalesce(sum(result_count), 0) as bigint) as results_shown,
        count(*) filter (where result_count = 0) as zero_result_searches,
        count(*) filter (where has_click) as searches_with_click,
        count(*) filter (where orders > 0) as searches_with_order,
        cast(sum(orders) as bigint) as orders,
        {{ total('sum(revenue)') }} as gross_revenue,
    from searches
    group by report_date, searched_query

),

final as (

    select
        report_date,
        query,
        searches,
        searchers,
        searches_with_result_count,
        results_shown,
        zero_result_searches,
        searches_with_click,
        searches_with_order,
        orders,
        gross_revenue,
        {{ ratio_columns(of='search_performance') }}
    from counts

)

select * from final
