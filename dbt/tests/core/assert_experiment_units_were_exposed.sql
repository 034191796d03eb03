{{ config(meta={'dagster': {'ref': {'name': 'fct_experiment_units'}}}) }}

-- A touched person is once in an experiment, in the variant of a first exposure that no bot had,
-- and is set apart only after more than one exposure.
with

units as (

    select
        units.*,
        count(*) over (partition by units.experiment, units.person_id) as row_count,
    from {{ ref('fct_experiment_units') }} as units
    where units.person_id in (select person_id from {{ ref('int_touched_persons') }})

),

exposures as (

    select
        event_key,
        experiment,
        variant,
        event_ts,
        is_bot,
    from {{ ref('fct_experiment_exposures') }}
    where event_key in (select event_key from units)
        and event_date in (select distinct cast(exposed_at as date) from units)

),

final as (

    select units.*
    from units
    left join exposures on units.event_key = exposures.event_key
    where exposures.event_key is null
        or exposures.is_bot
        or units.row_count > 1
        or units.experiment <> exposures.experiment
        or units.variant <> exposures.variant
        or units.exposed_at <> exposures.event_ts
        or units.last_exposed_at < units.exposed_at
        or (units.is_contaminated and units.exposure_count < 2)

)

select * from final
