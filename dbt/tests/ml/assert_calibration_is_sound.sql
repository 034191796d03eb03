{{ config(meta={'dagster': {'ref': {'name': 'model_calibration'}}}) }}

-- What the run compared was compared once a partition and model, its groups are all of its persons,
-- and what is said of probabilities is between 0 and 1.
with

calibration as (

    select
        *,
        count(*) over (partition by partition_date, model) as row_count,
    from {{ ref('model_calibration') }}
    where partition_date in (select partition_date from {{ ref('int_touched_calibration') }})

),

final as (

    select
        partition_date,
        model,
    from calibration
    where row_count > 1
        or outcome_date <= partition_date
        or persons < 0
        or coalesce(list_sum(group_persons), 0) <> persons
        or (persons > 0) <> (calibration_error is not null)
        or (
            model <> 'clv_predictions'
            and not coalesce(
                mean_predicted between 0 and 1
                and mean_observed between 0 and 1
                and mean_squared_error between 0 and 1,
                persons = 0
            )
        )

)

select * from final
