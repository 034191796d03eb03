{{
    config(
        materialized='replace_touched',
        replace_key=['cart_key'],
        prune_by='opened_date',
        touched=['int_displaced_carts'],
        reads_itself=true,
    )
}}

-- depends_on: {{ ref('int_displaced_carts') }}
-- Carts as they are on any as_of date: which of those that nothing has ended are abandoned by now
-- is for those to say who read them (`due_date`).
with

limits as (

    select * from {{ ref('int_cart_limits') }}

),

steps as (

    select * from {{ ref('int_cart_steps') }}

),

carts as (

    select
        cart_key,
        any_value(holder_key) as holder_key,
        arg_min(event_key, step_number) as event_key,
        arg_max(event_key, step_number) as last_event_key,
        arg_min(source, step_number) as source,
        any_value(cart_id) as cart_id,
        arg_min(visitor_id, step_number) filter (where visitor_id is not null) as visitor_id,
        arg_max(user_id, step_number) filter (where user_id is not null) as user_id,
        min(event_date) as opened_date,
        arg_min(report_date, step_number) as report_date,
        bool_or(is_bot) as is_bot,
        count(*) as event_count,
        count(*) filter (where role = 'cart_add') as add_count,
        count(*) filter (where role = 'cart_remove') as remove_count,
        count(*) filter (where role = 'checkout') as checkout_count,
        arg_max(item_count, step_number) as item_count,
        arg_max(product_count, step_number) as product_count,
        arg_max(unpriced_item_count, step_number) as unpriced_item_count,
        arg_max(value, step_number) as value,
        max(value) as peak_value,
        min(event_ts) as opened_at,
        max(event_ts) as last_event_at,
        max(event_order) as last_event_order,
    from steps
    group by cart_key

),

-- An order is not taken by one cart alone: the one that it ends, and those left before it, are all
-- answered by it.
next_orders as (

    select
        carts.cart_key,
        orders.order_key,
        orders.ordered_at,
    from carts
    cross join limits
    inner join {{ ref('int_cart_orders') }} as orders
        on carts.holder_key = orders.holder_key
        and orders.event_order > carts.last_event_order
        and orders.ordered_at <= carts.last_event_at + limits.reach
    where carts.item_count > 0
    qualify row_number() over (partition by carts.cart_key order by orders.event_order) = 1

),

ended as (

    select
        carts.*,
        next_orders.order_key,
        next_orders.ordered_at,
        case
            when carts.item_count = 0 then 'emptied'
            when next_orders.ordered_at <= carts.last_event_at + limits.timeout then 'ordered'
            when next_orders.ordered_at is not null then 'recovered'
            else 'lapsed'
        end as outcome,
        carts.last_event_at + limits.timeout as abandoned_at,
    from carts
    cross join limits
    left join next_orders on carts.cart_key = next_orders.cart_key

),

final as (

    select
        cart_key,
        holder_key,
        source,
        cart_id,
        visitor_id,
        user_id,
        event_key,
        last_event_key,
        order_key,
        opened_date,
        report_date,
        outcome,
        -- as_of is the end of a date: on this one it is not before abandoned_at for the first time.
        case
            when outcome = 'lapsed'
                then cast(abandoned_at - interval 1 microsecond as date)
        end as due_date,
        is_bot,
        event_count,
        add_count,
        remove_count,
        checkout_count,
        item_count,
        product_count,
        unpriced_item_count,
        value,
        peak_value,
        opened_at,
        last_event_at,
        case when outcome in ('lapsed', 'recovered') then abandoned_at end as abandoned_at,
        ordered_at,
    from ended

)

select * from final
