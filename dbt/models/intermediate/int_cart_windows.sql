-- The spans of time whose carts are made again: the stored stretches that a touched moment lies in,
-- joins or may end or recover a cart of, and the moments themselves.
with

limits as (

    select * from {{ ref('int_cart_limits') }}

),

points as (

    select * from {{ ref('int_cart_points') }}

),

stretches as (

    select
        stretches.holder_key,
        stretches.started_at,
        stretches.ended_at,
    from {{ state('int_cart_stretches') }} as stretches
    cross join limits
    inner join points
        on stretches.holder_key = points.holder_key
        and stretches.started_at <= points.touched_at + limits.timeout
        and stretches.ended_at >= points.touched_at - limits.reach

),

final as (

    select
        holder_key,
        started_at,
        ended_at,
        cast(started_at as date) as started_date,
    from stretches
    union
    select
        holder_key,
        touched_at as started_at,
        touched_at as ended_at,
        cast(touched_at as date) as started_date,
    from points

)

select * from final
