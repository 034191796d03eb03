{{ config(meta={'dagster': {'ref': {'name': 'search_performance'}}}) }}

-- On touched dates the marts count each search and each view of content that is no bot's once.
with

dates as (

    select report_date from {{ ref('int_touched_engagement_dates') }}

),

facts as (

    select report_date from {{ ref('fct_searches') }}
    where report_date in (select report_date from dates) and not is_bot
    union all
    select report_date from {{ ref('fct_content_views') }}
    where report_date in (select report_date from dates) and not is_bot

),

counted as (

    select
        report_date,
        searches as fact_count,
    from {{ ref('search_performance') }}
    where report_date in (select report_date from dates)
    union all
    select
        report_date,
        content_views as fact_count,
    from {{ ref('content_engagement') }}
    where report_date in (select report_date from dates)

),

differences as (

    select
        report_date,
        1 as fact_count,
    from facts
    union all
    select
        report_date,
        -fact_count as fact_count,
    from counted

),

final as (

    select report_date from differences
    group by report_date
    having sum(fact_count) <> 0

)

select * from final
