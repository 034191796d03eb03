{{
    config(
        materialized='replace_touched',
        replace_key=['period', 'active_date'],
        prune_by='active_date',
        touched=['int_touched_periods'],
    )
}}

-- By the period of the activity, not by cohort: so a day reads the days of its own month, and never
-- what its visitors' cohorts did in all the time since.
with

periods as (

    {{ retention_periods() }}

),

dates as (

    select
        period,
        active_date,
        {{ dates_of_period('period', 'active_date') }} as report_date,
    from {{ ref('int_touched_periods') }}

),

active as (

    select distinct
        person_id,
        report_date,
    from {{ ref('int_person_days') }}
    where report_date in (select report_date from dates)
        and active_event_count > 0

),

active_periods as (

    select distinct
        dates.period,
        dates.active_date,
        active.person_id,
    from active
    inner join dates on active.report_date = dates.report_date

),

-- A row for each of a person's cohorts: that many may one activity count for.
members as (

    select
        cohorts.cohort_type,
        active_periods.period,
        {{ period_start('active_periods.period', 'cohorts.first_date') }} as cohort_date,
        active_periods.active_date,
    from active_periods
    inner join {{ ref('int_person_cohorts') }} as cohorts
        on active_periods.person_id = cohorts.person_id

),

counted as (

    select
        cohort_type,
        period,
        cohort_date,
        active_date,
        cast({{ periods_between('period', 'cohort_date', 'active_date') }} as integer)
            as periods_after,
        count(*) as active_persons,
    from members
    group by cohort_type, period, cohort_date, active_date

),

final as (

    select counted.*
    from counted
    inner join periods on counted.period = periods.period
    where counted.periods_after between 1 and periods.max_offset

)

select * from final
