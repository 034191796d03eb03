{{ config(meta={'dagster': {'ref': {'name': 'model_metrics'}}}) }}

-- A model states each metric once a partition, over data that had arrived by then. Data may be
-- dated after its arrival, since a device's clock may run ahead as far as the contract admits.
with

metrics as (

    select
        partition_date,
        model,
        metric,
        data_from,
        data_to,
    from {{ ref('model_metrics') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

arrived as (

    select
        event_date,
        min(arrival_date) as first_arrival_date,
    from {{ ref('fct_events') }}
    where event_date in (select data_to from metrics where data_to > partition_date)
    group by event_date

),

final as (

    select
        metrics.partition_date,
        metrics.model,
        metrics.metric,
    from metrics
    left join arrived on metrics.data_to = arrived.event_date
    group by metrics.partition_date, metrics.model, metrics.metric
    having count(*) <> 1
        or bool_or(
            metrics.data_to > metrics.partition_date
            and coalesce(arrived.first_arrival_date > metrics.partition_date, true)
        )
        or bool_or(metrics.data_from > metrics.data_to)

)

select * from final
