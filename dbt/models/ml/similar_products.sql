{{
    config(
        pre_hook="{{ select_ml_files('similar_products') }}",
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
        similar_product_id,
        score,
        model_version,
    from {{ source('ml', 'similar_products') }}

)

select * from files
