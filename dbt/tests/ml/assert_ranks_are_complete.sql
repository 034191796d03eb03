{{ config(meta={'dagster': {'ref': {'name': 'recommendations'}}}) }}

-- In the partitions of the run a person's list has ranks 1, 2, … and no product twice;
-- so have a product's, without the product itself.
with

lists as (

    select
        'recommendations' as list,
        partition_date,
        person_id as owner_id,
        rank,
        product_id as item_id,
    from {{ ref('recommendations') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})
    union all
    select
        'similar_products' as list,
        partition_date,
        product_id as owner_id,
        rank,
        similar_product_id as item_id,
    from {{ ref('similar_products') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})
    union all
    select
        'next_products' as list,
        partition_date,
        product_id as owner_id,
        rank,
        next_product_id as item_id,
    from {{ ref('next_products') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        list,
        partition_date,
        owner_id,
    from lists
    group by list, partition_date, owner_id
    having count(*) <> count(distinct rank)
        or count(*) <> count(distinct item_id)
        or min(rank) <> 1
        or max(rank) <> count(*)
        or bool_or(item_id = owner_id)

)

select * from final
