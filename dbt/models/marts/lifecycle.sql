{{ config(materialized='made_view') }}

-- A view: a period in which nothing happens has a row all the same, and who was active in the one
-- before is dormant in it.
with

as_of as (

    {{ latest_closed_date() }}

),

calendar as (

    {{ last_shown_date('as_of') }}

),

spans as (

    select
        activity.period,
        min(activity.active_date) as first_start,
        any_value({{ period_start('activity.period', 'calendar.last_date') }}) as last_start,
    from {{ ref_beside('int_lifecycle_periods') }} as activity
    cross join calendar
    group by activity.period

),

places as (

    select
        period,
        first_start,
        unnest(range(
            0, cast({{ periods_between('period', 'first_start', 'last_start') }} as integer) + 1
        )) as place,
    from spans

),

starts as (

    select
        period,
        {{ period_after('period', 'first_start', 'place') }} as period_start,
    from places

),

beginnings as (

    select
        periods.period,
        {{ period_start('periods.period', 'persons.first_active_date') }} as period_start,
        count(*) as new_persons,
    from {{ ref_beside('int_person_totals') }} as persons
    cross join ({{ retention_periods() }}) as periods
    where persons.first_active_date is not null
    group by periods.period, period_start

),

counts as (

    select
        starts.period,
        starts.period_start,
        coalesce(activity.active_persons, 0) as active_persons,
        coalesce(beginnings.new_persons, 0) as new_persons,
        coalesce(activity.returning_persons, 0) as returning_persons,
    from starts
    left join {{ ref_beside('int_lifecycle_periods') }} as activity
        on starts.period = activity.period
        and starts.period_start = activity.active_date
    left join beginnings
        on starts.period = beginnings.period
        and starts.period_start = beginnings.period_start

),

compared as (

    select
        *,
        active_persons - new_persons - returning_persons as resurrected_persons,
        coalesce(lag(active_persons) over (
            partition by period
            order by period_start
        ), 0) - returning_persons as dormant_persons,
    from counts

),

final as (

    select
        compared.period,
        compared.period_start,
        compared.active_persons,
        compared.new_persons,
        compared.returning_persons,
        compared.resurrected_persons,
        compared.dormant_persons,
        {{ ratio_columns(of='lifecycle') }}
        coalesce(
            {{ period_after('compared.period', 'compared.period_start', 1) }}
            <= as_of.as_of_date + 1,
            false
        ) as is_complete,
    from compared
    cross join as_of

)

select * from final
