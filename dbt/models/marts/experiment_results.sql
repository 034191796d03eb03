{{ config(materialized='made_view') }}

with

statistics as (

    select * from {{ ref_beside('experiment_statistics') }}

),

latest as (

    select
        experiment,
        max(partition_date) as partition_date,
    from statistics
    group by experiment

),

final as (

    select
        statistics.experiment,
        statistics.metric,
        statistics.segment,
        statistics.variant,
        statistics.control,
        statistics.is_control,
        statistics.units,
        statistics.control_units,
        statistics.contaminated_units,
        statistics.mean,
        statistics.control_mean,
        statistics.difference,
        statistics.standard_error,
        statistics.lift,
        statistics.ci_low,
        statistics.ci_high,
        statistics.p_value,
        statistics.p_value_adjusted,
        statistics.sequential_low,
        statistics.sequential_high,
        statistics.p_value_sequential,
        statistics.p_value_sequential_adjusted,
        statistics.srm_p_value,
        statistics.variance_reduction,
        statistics.first_exposed_at,
        statistics.last_exposed_at,
        statistics.partition_date as as_of_date,
        statistics.method,
        statistics.model_version,
    from statistics
    inner join latest
        on statistics.experiment = latest.experiment
        and statistics.partition_date = latest.partition_date

)

select * from final
