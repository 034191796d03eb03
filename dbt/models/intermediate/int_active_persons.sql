{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_rolling_dates'],
    )
}}

with

dates as (

    select report_date from {{ ref('int_rolling_dates') }}

),

window_dates as (

    select distinct
        unnest(
            list_transform(range(30), lambda back: report_date - cast(back as integer))
        ) as report_date
    from dates

),

active as (

    select distinct
        person_id,
        report_date,
    from {{ ref('int_person_days') }}
    where report_date in (select report_date from window_dates) and active_event_count > 0

),

final as (

    select
        dates.report_date,
        count(distinct active.person_id) filter (where active.report_date = dates.report_date)
            as dau,
        count(distinct active.person_id) filter (where active.report_date > dates.report_date - 7)
            as wau,
        count(distinct active.person_id) as mau,
    from dates
    inner join active
        on active.report_date <= dates.report_date
        and active.report_date > dates.report_date - 30
    group by dates.report_date

)

select * from final
