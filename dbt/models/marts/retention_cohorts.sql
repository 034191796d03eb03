{{ config(materialized='made_view') }}

-- A view: each day adds a row to every cohort and completes others without any event of theirs, and
-- so its cost is that of reading it.
with

periods as (

    {{ retention_periods() }}

),

as_of as (

    {{ latest_closed_date() }}

),

calendar as (

    {{ last_shown_date('as_of') }}

),

members as (

    select
        cohorts.cohort_type,
        periods.period,
        periods.max_offset,
        {{ period_start('periods.period', 'cohorts.first_date') }} as cohort_date,
        {{ period_start('periods.period', 'cohorts.last_active_date') }} as last_active_date,
    from {{ ref_beside('int_person_cohorts') }} as cohorts
    cross join periods

),

-- Who came for the last time so many periods after; beyond the last row's period is as good as in
-- it. Nobody's last activity, or one before the cohort's own period, is none of its offsets.
last_seen as (

    select
        cohort_type,
        period,
        max_offset,
        cohort_date,
        least(
            max_offset,
            coalesce({{ periods_between('period', 'cohort_date', 'last_active_date') }}, 0)
        ) as last_offset,
        count(*) as persons,
    from members
    group by cohort_type, period, max_offset, cohort_date, last_offset

),

cohorts as (

    select
        cohort_type,
        period,
        max_offset,
        cohort_date,
        cast(sum(persons) as bigint) as cohort_size,
    from last_seen
    group by cohort_type, period, max_offset, cohort_date

),

reaches as (

    select
        cohorts.cohort_type,
        cohorts.period,
        cohorts.cohort_date,
        cohorts.cohort_size,
        least(
            cohorts.max_offset,
            {{ periods_between(
                'cohorts.period',
                'cohorts.cohort_date',
                period_start('cohorts.period', 'calendar.last_date')
            ) }}
        ) as last_offset,
    from cohorts
    cross join calendar

),

places as (

    select
        cohort_type,
        period,
        cohort_date,
        cohort_size,
        cast(unnest(range(0, cast(last_offset as integer) + 1)) as integer) as place,
    from reaches

),

bounded as (

    select
        places.*,
        'bounded' as mode,
        coalesce(activity.active_persons, 0) as active_persons,
    from places
    left join {{ ref_beside('int_cohort_activity') }} as activity
        on places.cohort_type = activity.cohort_type
        and places.period = activity.period
        and places.cohort_date = activity.cohort_date
        and places.place = activity.periods_after

),

rolling as (

    select
        places.*,
        'rolling' as mode,
        coalesce(sum(last_seen.persons) over (
            partition by places.cohort_type, places.period, places.cohort_date
            order by places.place desc
            rows unbounded preceding
        ), 0) as active_persons,
    from places
    left join last_seen
        on places.cohort_type = last_seen.cohort_type
        and places.period = last_seen.period
        and places.cohort_date = last_seen.cohort_date
        and places.place = last_seen.last_offset

),

counted as (

    select
        *,
        cast(case when place = 0 then cohort_size else active_persons end as bigint) as retained,
    from (
        select * from bounded
        union all by name
        select * from rolling
    ) as modes

),

final as (

    select
        counted.cohort_type,
        counted.mode,
        counted.period,
        counted.cohort_date,
        counted.place as "offset",
        counted.cohort_size,
        counted.retained,
        {{ ratio_columns(of='retention_cohorts') }}
        coalesce(
            {{ period_after('counted.period', 'counted.cohort_date', 'counted.place + 1') }}
            <= as_of.as_of_date + 1,
            false
        ) as is_complete,
    from counted
    cross join as_of

)

select * from final
