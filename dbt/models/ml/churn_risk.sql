{{
    config(
        pre_hook="{{ select_ml_files('churn_risk') }}",
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
        risk_rank,
        is_baseline,
        churn_risk,
        horizon_days,
        no_order_probability,
        expected_orders,
        order_days,
        days_since_last_order,
        usual_gap_days,
        explanation,
        model_version,
    from {{ source('ml', 'churn_risk') }}

)

select * from files
