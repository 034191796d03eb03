{{
    config(
        pre_hook="{{ select_ml_files('purchase_outcomes') }}",
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
    from {{ source('ml', 'purchase_outcomes') }}

)

select * from files
