{{
    config(
        pre_hook="{{ select_ml_files('anomaly_scores') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
with

files as (

    select
        partition_date,
        entity_type,
        entity_id,
        event_key,
        date,
        score,
        p_value,
        is_anomaly,
        explanation,
        evidence_event_keys,
        model_version,
    from {{ source('ml', 'anomaly_scores') }}

)

select * from files
