{{
    config(
        materialized='replace_touched',
        replace_key=['funnel', 'entry_date'],
        prune_by='entry_date',
        touched=['int_touched_funnel_dates'],
    )
}}

with

dates as (

    select * from {{ ref('int_touched_funnel_dates') }}

),

entries as (

    select * from {{ ref('fct_funnel_entries') }}
    where (funnel, entry_date) in (select funnel, entry_date from dates)
        and entry_date in (select distinct entry_date from dates)

),

steps as (

    select * from {{ source('inputs', 'funnels') }}

),

cut as (

    select
        '(all)' as dimension,
        '(all)' as value,
        entries.*,
    from entries
    {% for dimension in ['device_type', 'country', 'source', 'channel', 'category'] -%}
    union all
    select
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}, '(not set)') as value,
        entries.*,
    from entries
    {% endfor %}
),

reached as (

    select
        cut.funnel,
        cut.entry_date,
        cut.dimension,
        cut.value,
        cut.reached,
        steps.mode,
        steps.unit,
        steps.step,
        steps.step_name,
        case when steps.step > 1 and cut.reached >= steps.step then cut.step_at end as step_at,
    from cut
    inner join steps on cut.funnel = steps.funnel

),

timed as (

    select
        * exclude (step_at),
        cast(epoch_us(step_at[step]) - epoch_us(step_at[step - 1]) as double) / 1000000
            as seconds_from_previous,
        cast(epoch_us(step_at[step]) - epoch_us(step_at[1]) as double) / 1000000
            as seconds_from_first,
    from reached

),

counts as (

    select
        funnel,
        mode,
        unit,
        dimension,
        value,
        entry_date,
        step,
        step_name,
        count(*) filter (where reached >= greatest(step - 1, 1)) as entrants,
        count(*) filter (where reached >= step) as conversions,
        count(*) as units,
        median(seconds_from_previous) as median_seconds_from_previous,
        percentile_cont(0.9) within group (order by seconds_from_previous)
            as p90_seconds_from_previous,
        median(seconds_from_first) as median_seconds_from_first,
        percentile_cont(0.9) within group (order by seconds_from_first) as p90_seconds_from_first,
    from timed
    group by funnel, mode, unit, dimension, value, entry_date, step, step_name

),

final as (

    select
        funnel,
        mode,
        unit,
        dimension,
        value,
        entry_date,
        step,
        step_name,
        entrants,
        conversions,
        cast(conversions as double) / nullif(entrants, 0) as rate_from_previous,
        cast(conversions as double) / nullif(units, 0) as rate_from_first,
        median_seconds_from_previous,
        p90_seconds_from_previous,
        median_seconds_from_first,
        p90_seconds_from_first,
    from counts

)

select * from final
