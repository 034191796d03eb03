{{ config(meta={'dagster': {'ref': {'name': 'fct_experiment_exposures'}}}) }}

-- Each touched winner of role experiment that names experiment and variant stands once, and nothing
-- else does.
with

copies as (

    select
        event_key,
        event_date,
        copy_number = 1
        and role = 'experiment'
        and (properties ->> '$.experiment_id') is not null
        and (properties ->> '$.variant_id') is not null as is_exposure,
    from {{ ref('int_event_copies') }}

),

exposures as (

    select event_key
    from {{ ref('fct_experiment_exposures') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)

),

expected as (

    select event_key from copies
    where is_exposure

),

final as (

    select coalesce(expected.event_key, exposures.event_key) as event_key
    from expected
    full join exposures on expected.event_key = exposures.event_key
    group by coalesce(expected.event_key, exposures.event_key)
    having count(*) > 1
        or count(expected.event_key) <> count(exposures.event_key)

)

select * from final
