-- When whose carts may be others now: at every copy of a cart event, and at every order that may be
-- of other carts than before. Whose the order was before is among those of whom its visitor had an
-- event shortly before it, by the events that there are now and the copies.
with

limits as (

    select * from {{ ref('int_cart_limits') }}

),

copies as (

    select
        {{ cart_holder('source', 'cart_id', 'visitor_id') }} as holder_key,
        visitor_id,
        event_ts,
    from (
        select
            source,
            visitor_id,
            event_ts,
            {{ cart_id('properties') }} as cart_id,
        from {{ ref('int_event_copies') }}
        where role in ({{ cart_roles() }})
    ) as cart_events

),

dates_after as (

    select distinct
        cast(
            unnest({{ dates_between('copies.event_ts', 'copies.event_ts + limits.reach') }}) as date
        ) as event_date
    from copies
    cross join limits

),

orders_after as (

    select
        *,
        {{ named_cart_holder('source', 'cart_id') }} as named_holder_key,
    from {{ ref('fct_orders') }}
    where event_date in (select event_date from dates_after)

),

order_moments as (

    select
        {{ named_cart_holder('source', 'cart_id') }} as named_holder_key,
        visitor_id,
        event_ts as ordered_at,
    from {{ ref('int_order_events') }}
    where role = 'order'
        and order_key in (select order_key from {{ ref('int_touched_orders') }})
    union
    select
        {{ named_cart_holder('source', cart_id('properties')) }} as named_holder_key,
        visitor_id,
        event_ts as ordered_at,
    from {{ ref('int_event_copies') }}
    where role = 'order'
    union
    select
        orders_after.named_holder_key,
        orders_after.visitor_id,
        orders_after.ordered_at,
    from orders_after
    cross join limits
    inner join copies
        on orders_after.visitor_id = copies.visitor_id
        and orders_after.ordered_at between copies.event_ts and copies.event_ts + limits.reach
    union
    select
        orders_after.named_holder_key,
        orders_after.visitor_id,
        orders_after.ordered_at,
    from orders_after
    cross join limits
    inner join copies
        on orders_after.named_holder_key = copies.holder_key
        and orders_after.ordered_at between copies.event_ts and copies.event_ts + limits.reach

),

dates_before as (

    select distinct
        cast(
            unnest({{ dates_between('moments.ordered_at - limits.reach', 'moments.ordered_at') }})
            as date
        ) as event_date
    from order_moments as moments
    cross join limits

),

actions_before as (

    select
        holder_key,
        visitor_id,
        event_ts,
    from {{ ref('int_cart_actions') }}
    where visitor_id in (select visitor_id from order_moments)
        and event_date in (select event_date from dates_before)
    union
    select * from copies

),

final as (

    select
        holder_key,
        event_ts as touched_at,
    from copies
    where holder_key is not null
    union
    select
        named_holder_key as holder_key,
        ordered_at as touched_at,
    from order_moments
    where named_holder_key is not null
    union
    select
        actions_before.holder_key,
        moments.ordered_at as touched_at,
    from order_moments as moments
    cross join limits
    inner join actions_before
        on moments.visitor_id = actions_before.visitor_id
        and actions_before.event_ts between moments.ordered_at - limits.reach and moments.ordered_at

)

select * from final
