{{ config(meta={'dagster': {'ref': {'name': 'anomaly_scores'}}}) }}

-- In the partitions of the run a score is of a log-in, a session or a date, once, with a chance
-- and an explanation.
with

scores as (

    select
        *,
        count(*) over (
            partition by partition_date, entity_type, entity_id, event_key, date
        ) as row_count,
    from {{ ref('anomaly_scores') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        partition_date,
        entity_type,
        entity_id,
    from scores
    where row_count > 1
        or date is null
        or (entity_type in ('login', 'session')) = (event_key is null)
        or not coalesce(p_value between 0 and 1, false)
        or score is null
        or is_anomaly is null
        or explanation is null

)

select * from final
