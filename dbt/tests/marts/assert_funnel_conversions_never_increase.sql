{{ config(meta={'dagster': {'ref': {'name': 'funnel_steps'}}}) }}

-- Nobody reaches a step without the one before: entrants are the conversions of the step before,
-- never fewer than the conversions, and each value of a touched date has all steps or none.
with

dates as (

    select
        funnel,
        entry_date,
    from {{ ref('int_touched_funnel_dates') }}

),

steps as (

    select
        funnel,
        entry_date,
        dimension,
        value,
        step,
        entrants,
        conversions,
        coalesce(lag(conversions) over funnel_date, entrants) as expected_entrants,
        row_number() over funnel_date as expected_step,
    from {{ ref('funnel_steps') }}
    where (funnel, entry_date) in (select funnel, entry_date from dates)
        and entry_date in (select distinct entry_date from dates)
    window funnel_date as (partition by funnel, entry_date, dimension, value order by step)

),

final as (

    select * from steps
    where conversions > entrants
        or entrants <> expected_entrants
        or step <> expected_step

)

select * from final
