-- kpi_daily has each date from its first to its last, once.
with

final as (

    select
        count(*) as row_count,
        count(distinct report_date) as date_count,
        max(report_date) - min(report_date) + 1 as expected_count,
    from {{ ref('kpi_daily') }}
    having count(*) <> count(distinct report_date)
        or count(*) <> max(report_date) - min(report_date) + 1

)

select * from final
