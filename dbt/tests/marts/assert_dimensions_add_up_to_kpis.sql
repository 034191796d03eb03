{{ config(meta={'dagster': {'ref': {'name': 'kpi_daily_by_dimension'}}}) }}

-- Counts of which each has one value of a dimension add up to those of the date. Category is left
-- out: a session may have several.
with

dates as (

    select report_date from {{ ref('int_touched_dates') }}

),

sums as (

    select
        report_date,
        dimension,
        count(*) - count(distinct value) as repeated_values,
        sum(sessions) as sessions,
        sum(new_visitors) as new_visitors,
        sum(page_views) as page_views,
        sum(impressions) as impressions,
        sum(orders) as orders,
        sum(carts) as carts,
        sum(abandoned_carts) as abandoned_carts,
        sum(gross_revenue) as gross_revenue,
        sum(refunds) as refunds,
    from {{ ref('kpi_daily_by_dimension') }}
    where report_date in (select report_date from dates)
    group by report_date, dimension

),

final as (

    select
        sums.report_date,
        sums.dimension,
    from sums
    inner join {{ ref('kpi_daily') }} as kpis on sums.report_date = kpis.report_date
    where sums.repeated_values > 0
        or (
            sums.dimension <> 'category'
            and (
                sums.sessions <> kpis.sessions
                or sums.new_visitors <> kpis.new_visitors
                or sums.page_views <> kpis.page_views
                or sums.impressions <> kpis.impressions
                or sums.orders <> kpis.orders
                or sums.carts <> kpis.carts
                or sums.abandoned_carts <> kpis.abandoned_carts
                or sums.gross_revenue <> kpis.gross_revenue
                or sums.refunds <> kpis.refunds
            )
        )

)

select * from final
