{{
    config(
        pre_hook="{{ select_ml_files('next_products') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
with

files as (

    select
        partition_date,
        product_id,
        rank,
        next_product_id,
        score,
        steps,
        all_steps,
        is_baseline,
        model_version,
    from {{ source('ml', 'next_products') }}

)

select * from files
