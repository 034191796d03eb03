{{ config(meta={'dagster': {'ref': {'name': 'purchase_outcomes'}}}) }}

-- In the partitions of the run nobody who ordered has two rows of one name.
with

final as (

    select
        partition_date,
        person_id,
    from {{ ref('purchase_outcomes') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})
    group by partition_date, person_id
    having count(*) > 1
        or person_id is null
        or min(horizon_days) < 1

)

select * from final
