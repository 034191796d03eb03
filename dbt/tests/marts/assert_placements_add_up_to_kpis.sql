{{ config(meta={'dagster': {'ref': {'name': 'impression_performance'}}}) }}

-- What was shown in all placements of a date was shown on it; a click id may be in two placements.
with

placements as (

    select
        report_date,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
    from {{ ref('impression_performance') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})
    group by report_date

),

final as (

    select
        days.report_date,
        days.impressions,
        days.clicks,
    from {{ ref('int_kpi_days') }} as days
    left join placements on days.report_date = placements.report_date
    where days.report_date in (select report_date from {{ ref('int_touched_dates') }})
        and (
            days.impressions <> coalesce(placements.impressions, 0)
            or days.clicks > coalesce(placements.clicks, 0)
        )

)

select * from final
