{{
    config(
        schema='intermediate',
        pre_hook="{{ select_ml_files('model_versions') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
-- depends_on: {{ source('ml', 'anomaly_scores') }}
-- depends_on: {{ source('ml', 'bandit_policies') }}
-- depends_on: {{ source('ml', 'clv_predictions') }}
-- depends_on: {{ source('ml', 'experiment_statistics') }}
-- depends_on: {{ source('ml', 'next_products') }}
-- depends_on: {{ source('ml', 'purchase_propensity') }}
with

files as (

    select
        partition_date,
        family,
        model,
        model_version,
        code_version,
        served,
        champion,
        gate_metric,
        gate_value,
        gate_baseline_value,
        gate_standard_error,
        gate_units,
        gate_reason,
        data_from,
        data_to,
        data_counts,
        data_fingerprint,
        params_sha256,
        log_sha256,
        card_path,
    from {{ source('ml', 'model_versions') }}

)

select * from files
