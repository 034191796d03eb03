{{ config(meta={'dagster': {'ref': {'name': 'experiment_results'}}}) }}

-- Each experiment has the rows of one partition, and of no earlier one than it has statistics of.
with

latest as (

    select
        experiment,
        max(partition_date) as partition_date,
    from {{ ref('experiment_statistics') }}
    group by experiment

),

final as (

    select results.*
    from {{ ref('experiment_results') }} as results
    left join latest on results.experiment = latest.experiment
    where results.as_of_date is distinct from latest.partition_date

)

select * from final
