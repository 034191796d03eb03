{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'model_calibration'}}}) }}

-- Warns where probabilities whose outcome the run learned were too high or too low on average, by
-- more than the variable calibration_gap, and by more than four standard errors of a share, so that
-- it is not for few persons.
with

calibration as (

    select
        *,
        abs(mean_predicted - mean_observed) as gap,
        sqrt(mean_predicted * (1 - mean_predicted) / persons) as standard_error,
    from {{ ref('model_calibration') }}
    where outcome_date in (select partition_date from {{ ref('int_touched_partitions') }})
        and model <> 'clv_predictions'
        and persons > 0

),

final as (

    select
        partition_date,
        model,
        mean_predicted,
        mean_observed,
    from calibration
    where gap > {{ var('calibration_gap') }}
        and gap > 4 * standard_error

)

select * from final
