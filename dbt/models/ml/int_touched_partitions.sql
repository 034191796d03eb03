{{ config(materialized='scratch', schema='intermediate', contract={'enforced': false}) }}

with

final as (

    select arrival_date as partition_date
    from {{ ref('int_work_set') }}

)

select * from final
