-- The report dates on which other sessions may begin now, or sessions with other events. Told from
-- events, not from the sessions before and after: a killed run may have stored those already.
with

dates as (

    select report_date from {{ ref('int_touched_points') }}
    union
    select report_date from {{ ref('int_events_sessionized') }}

),

final as (

    select
        report_date,
        cast(date_trunc('month', report_date) as date) as report_month,
    from dates

)

select * from final
