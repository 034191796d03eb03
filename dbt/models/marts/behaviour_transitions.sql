{{
    config(
        materialized='replace_touched',
        replace_key=['report_month'],
        touched=['int_touched_session_dates'],
    )
}}

with

days as (

    select *
    from {{ ref('int_transition_days') }}
    where report_month in (select distinct report_month from {{ ref('int_touched_session_dates') }})

),

seconds as (

    select
        report_month,
        state,
        next_state,
        unnest(seconds) as seconds,
    from days

),

medians as (

    select
        report_month,
        state,
        next_state,
        median(seconds) as median_seconds,
    from seconds
    group by report_month, state, next_state

),

counts as (

    select
        report_month,
        state,
        next_state,
        cast(sum(step_count) as bigint) as step_count,
    from days
    group by report_month, state, next_state

),

shares as (

    select
        *,
        sum(step_count) over (partition by report_month, state) as state_count,
    from counts

),

final as (

    select
        shares.report_month,
        shares.state,
        shares.next_state,
        shares.step_count as count,
        {{ ratio_columns(of='behaviour_transitions') }}
        medians.median_seconds,
    from shares
    left join medians
        on shares.report_month = medians.report_month
        and shares.state = medians.state
        and shares.next_state = medians.next_state

)

select * from final
