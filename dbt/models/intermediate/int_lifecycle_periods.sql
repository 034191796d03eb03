{{
    config(
        materialized='replace_touched',
        replace_key=['period', 'active_date'],
        prune_by='active_date',
        touched=['int_touched_lifecycle_periods'],
    )
}}

with

reads as (

    select
        period,
        active_date,
        true as is_own,
        active_date as read_date,
    from {{ ref('int_touched_lifecycle_periods') }}
    union all
    select
        period,
        active_date,
        false as is_own,
        {{ period_after('period', 'active_date', -1) }} as read_date,
    from {{ ref('int_touched_lifecycle_periods') }}

),

dates as (

    select
        period,
        active_date,
        is_own,
        {{ dates_of_period('period', 'read_date') }} as report_date,
    from reads

),

active as (

    select distinct
        person_id,
        report_date,
    from {{ ref('int_person_days') }}
    where report_date in (select report_date from dates)
        and active_event_count > 0

),

persons as (

    select
        dates.period,
        dates.active_date,
        active.person_id,
        bool_or(not dates.is_own) as was_active,
    from active
    inner join dates on active.report_date = dates.report_date
    group by dates.period, dates.active_date, active.person_id
    having bool_or(dates.is_own)

),

final as (

    select
        period,
        active_date,
        count(*) as active_persons,
        count(*) filter (where was_active) as returning_persons,
    from persons
    group by period, active_date

)

select * from final
