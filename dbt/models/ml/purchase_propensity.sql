{{
    config(
        pre_hook="{{ select_ml_files('purchase_propensity') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
with

files as (

    select
        partition_date,
        person_id,
        horizon_days,
        is_baseline,
        probability,
        base_log_odds,
        contributions,
        explanation,
        model_version,
    from {{ source('ml', 'purchase_propensity') }}

)

select * from files
