{{
    config(
        pre_hook="{{ select_ml_files('recommendations') }}",
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
        rank,
        product_id,
        score,
        reason,
        is_baseline,
        model_version,
    from {{ source('ml', 'recommendations') }}

)

select * from files
