-- The orders of the holders whose carts are made again: of the cart that an order names, where
-- somebody had used it shortly before, else of the one that its visitor used last.
with

limits as (

    select * from {{ ref('int_cart_limits') }}

),

remade as (

    select * from {{ ref('int_cart_actions_remade') }}

),

stretches as (

    select
        holder_key,
        stretch_started_at as started_at,
        max(event_ts) as ended_at,
    from remade
    group by holder_key, stretch_started_at

),

order_dates as (

    select distinct
        cast(
            unnest({{ dates_between('stretches.started_at', 'stretches.ended_at + limits.reach') }})
            as date
        ) as event_date
    from stretches
    cross join limits

),

orders as (

    select
        order_key,
        event_key,
        visitor_id,
        ordered_at,
        {{ named_cart_holder('source', 'cart_id') }} as named_holder_key,
        {{ event_order('ordered_at') }} as event_order,
    from {{ ref('fct_orders') }}
    where event_date in (select event_date from order_dates)
        and (
            visitor_id in (select visitor_id from remade where visitor_id is not null)
            or {{ named_cart_holder('source', 'cart_id') }} in (select holder_key from remade)
        )

),

action_dates as (

    select distinct
        cast(
            unnest({{ dates_between('orders.ordered_at - limits.reach', 'orders.ordered_at') }})
            as date
        ) as event_date
    from orders
    cross join limits

),

actions as (

    select
        holder_key,
        visitor_id,
        event_ts,
        {{ event_order() }} as event_order,
    from {{ ref('int_cart_actions') }}
    where event_date in (select event_date from action_dates)
        and (
            visitor_id in (select visitor_id from orders)
            or holder_key in (select named_holder_key from orders)
        )

),

used_before as (

    select
        orders.*,
        actions.holder_key,
        actions.event_order as used_order,
        true as is_named,
    from orders
    cross join limits
    inner join actions
        on orders.named_holder_key = actions.holder_key
        and actions.event_ts >= orders.ordered_at - limits.reach
        and actions.event_order < orders.event_order
    union all
    select
        orders.*,
        actions.holder_key,
        actions.event_order as used_order,
        false as is_named,
    from orders
    cross join limits
    inner join actions
        on orders.visitor_id = actions.visitor_id
        and actions.event_ts >= orders.ordered_at - limits.reach
        and actions.event_order < orders.event_order

),

final as (

    select
        holder_key,
        order_key,
        event_key,
        event_order,
        ordered_at,
    from used_before
    qualify row_number() over (partition by order_key order by is_named desc, used_order desc) = 1

)

select * from final
