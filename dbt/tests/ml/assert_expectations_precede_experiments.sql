{{ config(meta={'dagster': {'ref': {'name': 'policy_experiments'}}}) }}

-- In the partitions of the run a declared policy of an experiment is compared once, with what was
-- expected before the experiment began, within bounds that are in order.
with

compared as (

    select
        *,
        count(*) over (partition by partition_date, experiment, variant) as row_count,
    from {{ ref('policy_experiments') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        partition_date,
        experiment,
        variant,
    from compared
    where row_count > 1
        or expected_as_of_date >= began_on
        or not coalesce(expected_change between expected_low and expected_high, true)
        or not coalesce(found_change between found_low and found_high, true)

)

select * from final
