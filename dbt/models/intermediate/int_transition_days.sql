{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_session_dates'],
    )
}}

-- The steps of a date's sessions. Their seconds are kept one by one: a month's median is not to be
-- had from medians of days.
with

walks as (

    select * from {{ ref('int_session_walks') }}

),

steps as (

    select
        report_date,
        report_month,
        state,
        coalesce(next_state, '(exit)') as next_state,
        seconds,
    from walks
    union all
    select
        report_date,
        report_month,
        '(start)' as state,
        state as next_state,
        cast(null as double) as seconds,
    from walks
    where place = 1

),

final as (

    select
        report_date,
        report_month,
        state,
        next_state,
        count(*) as step_count,
        coalesce(
            list(seconds order by seconds) filter (where seconds is not null),
            cast([] as double[])
        ) as seconds,
    from steps
    group by report_date, report_month, state, next_state

)

select * from final
