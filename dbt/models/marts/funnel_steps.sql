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

timed as (

    select
        entries.funnel,
        entries.entry_date,
        entries.reached,
        steps.mode,
        steps.unit,
        steps.step,
        steps.step_name,
        {% for since, place in [('previous', 'steps.step - 1'), ('first', '1')] -%}
        case
            when steps.step > 1 and steps.mode <> 'any' and entries.reached >= steps.step
                then cast(
                        epoch_us(entries.step_at[steps.step])
                        - epoch_us(entries.step_at[{{ place }}]) as double
                    ) / 1000000
        end as seconds_from_{{ since }},
        {% endfor -%}
    from entries
    inner join steps on entries.funnel = steps.funnel

),

counts as (

    select
        funnel,
        mode,
        unit,
        entry_date,
        step,
        step_name,
        count(*) filter (where reached >= greatest(step - 1, 1)) as entrants,
        count(*) filter (where reached >= step) as conversions,
        count(*) as units,
        {% for since in ['previous', 'first'] -%}
        median(seconds_from_{{ since }}) as median_seconds_from_{{ since }},
        percentile_cont(0.9) within group (order by seconds_from_{{ since }})
            as p90_seconds_from_{{ since }},
        {% endfor -%}
    from timed
    group by funnel, mode, unit, entry_date, step, step_name

),

final as (

    select
        funnel,
        mode,
        unit,
        '(all)' as dimension,
        '(all)' as value,
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
