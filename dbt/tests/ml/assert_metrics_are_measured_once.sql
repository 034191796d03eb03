{{ config(meta={'dagster': {'ref': {'name': 'model_metrics'}}}) }}

-- A model states each metric once a partition, over data that had arrived by then.
with

final as (

    select
        partition_date,
        model,
        metric,
    from {{ ref('model_metrics') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})
    group by partition_date, model, metric
    having count(*) <> 1
        or bool_or(data_to > partition_date)
        or bool_or(data_from > data_to)

)

select * from final
