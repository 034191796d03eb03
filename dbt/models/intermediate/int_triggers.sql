-- One row a rule. The days say how many dates away a firing can still feel an event
-- (`reach_days`) or a firing before it (`cooldown_days`).
with

final as (

    select
        rule,
        condition,
        category,
        product_count,
        max_rating,
        value_over,
        coalesce(window_s, 0) as window_s,
        cooldown_s,
        cast(coalesce(window_s, 0) // 86400 + 1 as integer) as reach_days,
        cast(cooldown_s // 86400 + 1 as integer) as cooldown_days,
    from {{ source('inputs', 'triggers') }}

)

select * from final
