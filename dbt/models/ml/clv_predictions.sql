{{
    config(
        pre_hook="{{ select_ml_files('clv_predictions') }}",
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
        predicted_clv,
        clv_low,
        clv_high,
        expected_orders,
        orders_low,
        orders_high,
        order_value,
        order_days,
        valued_order_days,
        mean_order_value,
        first_order_date,
        last_order_date,
        explanation,
        model_version,
    from {{ source('ml', 'clv_predictions') }}

)

select * from files
