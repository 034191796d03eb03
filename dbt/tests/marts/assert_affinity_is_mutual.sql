{{ config(meta={'dagster': {'ref': {'name': 'product_affinity'}}}) }}

-- No pair has more orders than its products, none is a product with itself, ranks have no holes,
-- and where both directions are there they say the same of the pair.
with

pairs as (

    select
        product_id,
        other_product_id,
        rank,
        orders_in_window,
        orders_with_product,
        orders_with_other,
        orders_with_both,
        lift,
    from {{ ref('product_affinity') }}

),

ranks as (

    select
        product_id,
        max(rank) <> count(*) as has_holes,
    from pairs
    group by product_id

),

final as (

    select
        pairs.product_id,
        pairs.other_product_id,
    from pairs
    inner join ranks on pairs.product_id = ranks.product_id
    left join pairs as mirrored
        on pairs.product_id = mirrored.other_product_id
        and pairs.other_product_id = mirrored.product_id
    where ranks.has_holes
        or pairs.product_id = pairs.other_product_id
        or pairs.orders_with_both > least(pairs.orders_with_product, pairs.orders_with_other)
        or pairs.orders_with_product > pairs.orders_in_window
        or mirrored.orders_with_both <> pairs.orders_with_both
        or abs(mirrored.lift - pairs.lift) > 1e-9 * pairs.lift

)

select * from final
