-- The periods in which other persons may have been active, or persons of other cohorts.
with

dates as (

    select report_date from {{ ref('int_touched_persons') }}
    union
    select report_date from {{ ref('int_person_days') }}
    where person_id in (select person_id from {{ ref('int_moved_persons') }})
        and active_event_count > 0

),

periods as (

    {{ retention_periods() }}

),

final as (

    select distinct
        periods.period,
        {{ period_start('periods.period', 'dates.report_date') }} as active_date,
    from dates
    cross join periods

)

select * from final
