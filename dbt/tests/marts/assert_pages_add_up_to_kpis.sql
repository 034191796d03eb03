{{ config(meta={'dagster': {'ref': {'name': 'page_engagement'}}}) }}

-- The views of all pages of a date are those of the date, and a session begins and ends with a page
-- or with none.
with

pages as (

    select
        report_date,
        sum(page_views) as page_views,
        sum(entrances) as entrances,
        sum(exits) as exits,
    from {{ ref('page_engagement') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})
    group by report_date

),

final as (

    select
        days.report_date,
        days.page_views,
        days.sessions,
    from {{ ref('int_kpi_days') }} as days
    left join pages on days.report_date = pages.report_date
    where days.report_date in (select report_date from {{ ref('int_touched_dates') }})
        and (
            days.page_views <> coalesce(pages.page_views, 0)
            or days.sessions < coalesce(pages.entrances, 0)
            or coalesce(pages.entrances, 0) <> coalesce(pages.exits, 0)
        )

)

select * from final
