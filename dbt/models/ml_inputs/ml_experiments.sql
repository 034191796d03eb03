-- Which experiments run on the arrival date `as_of_date`, as it was known then: those that somebody
-- met in the last weeks. Where there is none, nothing else is read.
with

exposures as (

    select
        experiment,
        event_ts,
    from ({{ bots_as_of(ref('fct_experiment_exposures')) }}) as exposures
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and not is_bot

),

final as (

    select
        experiment,
        min(event_ts) as first_exposed_at,
        max(event_ts) as last_exposed_at,
    from exposures
    group by experiment
    having max(event_ts)
        >= cast(getvariable('as_of_date') as date)
        - interval ({{ var('experiment_quiet_days') }}) day

)

select * from final
