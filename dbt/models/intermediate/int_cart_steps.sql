-- Each event of a cart with what is in it after. From one order or long pause to the next the
-- quantities of a product add up and never fall below 0; a cart lasts from the event after which
-- something is there until nothing is, or the next order or pause comes.
with

actions as (

    select
        *,
        {{ event_order() }} as event_order,
    from {{ ref('int_cart_actions_remade') }}

),

placed as (

    select
        event_key,
        sum(is_order) over (
            partition by holder_key order by event_order rows unbounded preceding
        ) as orders_before,
    from (
        select
            holder_key,
            event_key,
            event_order,
            0 as is_order,
        from actions
        union all
        select
            holder_key,
            event_key,
            event_order,
            1 as is_order,
        from {{ ref('int_cart_orders') }}
    ) as stream

),

spells as (

    select
        actions.*,
        dense_rank() over (
            order by actions.holder_key, actions.stretch_started_at, placed.orders_before
        ) as spell,
    from actions
    inner join placed on actions.event_key = placed.event_key

),

lines as (

    select
        event_key,
        line_number,
        product_id,
        interaction,
        price,
        quantity,
    from {{ ref('fct_product_interactions') }}
    where interaction in ('cart_add', 'cart_remove')
        and event_key in (select event_key from actions)
        and event_date in (select distinct event_date from actions)

),

changes as (

    select
        spells.spell,
        spells.event_key,
        spells.event_order,
        lines.product_id,
        sum(
            case
                when lines.interaction = 'cart_add' then lines.quantity
                else -abs(lines.quantity)
            end
        ) as change,
        arg_max(lines.price, lines.line_number) filter (where lines.price is not null) as price,
    from lines
    inner join spells on lines.event_key = spells.event_key
    group by spells.spell, spells.event_key, spells.event_order, lines.product_id

),

totals as (

    select
        *,
        sum(change) over (
            partition by spell, product_id order by event_order rows unbounded preceding
        ) as total,
    from changes

),

lowered as (

    select
        *,
        total - least(0, min(total) over (
            partition by spell, product_id order by event_order rows unbounded preceding
        )) as above_lowest,
    from totals

),

held as (

    select
        *,
        {{ total('above_lowest') }} as quantity,
    from lowered

),

moves as (

    select
        event_key,
        sum(quantity - quantity_before) as quantity_change,
    from (
        select
            event_key,
            quantity,
            coalesce(lag(quantity) over (
                partition by spell, product_id order by event_order
            ), 0) as quantity_before,
        from held
    ) as steps
    group by event_key

),

counted as (

    select
        spells.*,
        coalesce(moves.quantity_change, 0) as quantity_change,
        sum(coalesce(moves.quantity_change, 0)) over (
            partition by spells.spell order by spells.event_order rows unbounded preceding
        ) as item_count,
    from spells
    left join moves on spells.event_key = moves.event_key

),

numbered as (

    select
        *,
        sum(cast(item_count > 0 and item_count = quantity_change as integer)) over (
            partition by spell order by event_order rows unbounded preceding
        ) as cart_number,
    from counted

),

in_carts as (

    select
        *,
        md5(holder_key || chr(31) || first_value(event_key) over (
            partition by spell, cart_number order by event_order
        )) as cart_key,
        row_number() over (partition by spell, cart_number order by event_order) as step_number,
    from numbered
    -- The event that empties a cart is its last.
    where item_count > 0 or quantity_change < 0

),

priced as (

    select
        held.*,
        in_carts.cart_key,
        last_value(held.price ignore nulls) over (
            partition by in_carts.cart_key, held.product_id
            order by held.event_order
            rows unbounded preceding
        ) as last_price,
    from held
    inner join in_carts on held.event_key = in_carts.event_key

),

worth as (

    select
        cart_key,
        product_id,
        event_key,
        event_order,
        cast(quantity > 0 as integer) as products,
        case when last_price is null then quantity else 0 end as unpriced,
        -- Of a type in which two can be told apart, whatever their signs.
        cast(coalesce(
            {{ total('cast(quantity as decimal(38, 4)) * last_price') }}, 0
        ) as decimal(38, 4)) as product_value,
    from priced

),

worth_moves as (

    select
        event_key,
        sum(products_change) as products_change,
        sum(unpriced_change) as unpriced_change,
        sum(value_change) as value_change,
    from (
        select
            event_key,
            products - coalesce(lag(products) over held_product, 0) as products_change,
            unpriced - coalesce(lag(unpriced) over held_product, 0) as unpriced_change,
            product_value - coalesce(lag(product_value) over held_product, 0) as value_change,
        from worth
        window held_product as (partition by cart_key, product_id order by event_order)
    ) as changes_of_worth
    group by event_key

),

summed as (

    select
        in_carts.event_key,
        in_carts.cart_key,
        in_carts.holder_key,
        in_carts.step_number,
        in_carts.source,
        in_carts.cart_id,
        in_carts.visitor_id,
        in_carts.user_id,
        in_carts.role,
        in_carts.event_ts,
        in_carts.event_date,
        in_carts.report_date,
        in_carts.event_order,
        in_carts.is_bot,
        in_carts.quantity_change,
        in_carts.item_count,
        cast(sum(coalesce(worth_moves.products_change, 0)) over so_far as bigint) as product_count,
        sum(coalesce(worth_moves.unpriced_change, 0)) over so_far as unpriced_item_count,
        sum(coalesce(worth_moves.value_change, 0)) over so_far as value,
    from in_carts
    left join worth_moves on in_carts.event_key = worth_moves.event_key
    window so_far as (
        partition by in_carts.cart_key
        order by in_carts.event_order
        rows unbounded preceding
    )

),

final as (

    select
        event_key,
        cart_key,
        holder_key,
        step_number,
        source,
        cart_id,
        visitor_id,
        user_id,
        role,
        event_ts,
        event_date,
        report_date,
        event_order,
        is_bot,
        {{ total('quantity_change') }} as quantity_change,
        {{ total('item_count') }} as item_count,
        product_count,
        {{ total('unpriced_item_count') }} as unpriced_item_count,
        {{ total('value') }} as value,
    from summed

)

select * from final
