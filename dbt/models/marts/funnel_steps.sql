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

counts as (

    select
        entries.funnel,
        steps.mode,
        steps.unit,
        entries.entry_date,
        steps.step,
        steps.step_name,
        count(*) filter (where entries.reached >= greatest(steps.step - 1, 1)) as entrants,
        count(*) filter (where entries.reached >= steps.step) as conversions,
        count(*) as units,
        median(
            case
                when steps.step > 1 and steps.mode <> 'any' and entries.reached >= steps.step
                    then cast(
                            epoch_us(entries.step_at[steps.step])
                            - epoch_us(entries.step_at[steps.step - 1]) as double
                        ) / 1000000
            end
        ) as median_seconds_from_previous,
    from entries
    inner join steps on entries.funnel = steps.funnel
    group by
        entries.funnel, steps.mode, steps.unit, entries.entry_date, steps.step, steps.step_name

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
    from counts

)

select * from final
