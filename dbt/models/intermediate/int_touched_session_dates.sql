-- The report dates on which other sessions may begin now, or sessions with other events.
with

dates as (

    select report_date from {{ ref('int_sessions_remade') }}
    union
    select report_date from {{ ref('int_session_windows') }}

),

final as (

    select
        report_date,
        cast(date_trunc('month', report_date) as date) as report_month,
    from dates

)

select * from final
