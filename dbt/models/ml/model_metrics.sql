{{
    config(
        pre_hook="{{ select_ml_files('model_metrics') }}",
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
        model,
        metric,
        value,
        baseline_value,
        data_from,
        data_to,
        model_version,
    from {{ source('ml', 'model_metrics') }}

)

select * from files
