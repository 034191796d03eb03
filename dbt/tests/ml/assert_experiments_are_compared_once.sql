{{ config(meta={'dagster': {'ref': {'name': 'experiment_statistics'}}}) }}

-- In the partitions of the run a variant is compared once in a metric and segment, with
-- probabilities, intervals that are in order, and corrections that never make a p-value smaller.
with

statistics as (

    select
        *,
        count(*) over (
            partition by partition_date, experiment, metric, segment, variant
        ) as row_count,
    from {{ ref('experiment_statistics') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        partition_date,
        experiment,
        metric,
        segment,
        variant,
    from statistics
    where row_count > 1
        or units is null
        or is_control <> (variant = control)
        or not coalesce(p_value between 0 and 1, true)
        or not coalesce(p_value_sequential between 0 and 1, true)
        or not coalesce(srm_p_value between 0 and 1, true)
        or ci_low > ci_high
        or sequential_low > sequential_high
        or p_value_adjusted < p_value
        or p_value_sequential_adjusted < p_value_sequential

)

select * from final
