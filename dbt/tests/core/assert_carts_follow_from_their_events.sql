{{ config(meta={'dagster': {'ref': {'name': 'fct_cart_events'}}}) }}

-- A cart that was made again stands once, with its events numbered without holes, and holds what
-- its last event says, never less than nothing; it is emptied exactly if that is nothing.
with

carts as (

    select
        cart_key,
        state,
        event_count,
        item_count,
        value,
        last_event_key,
        opened_at,
        last_event_at,
        ordered_at,
        count(*) over (partition by cart_key) as row_count,
    from {{ ref('fct_carts') }}
    where report_date in (select report_date from {{ ref('int_touched_cart_dates') }})

),

steps as (

    select
        cart_key,
        count(*) as event_count,
        max(step_number) as last_step,
        min(item_count) as least_item_count,
        arg_max(item_count, step_number) as item_count,
        arg_max(value, step_number) as value,
        arg_max(event_key, step_number) as last_event_key,
    from {{ ref('fct_cart_events') }}
    where event_date in (select event_date from {{ ref('int_cart_actions_remade') }})
        and cart_key in (select cart_key from {{ ref('int_cart_steps') }})
    group by cart_key

),

final as (

    select steps.cart_key
    from steps
    left join carts on steps.cart_key = carts.cart_key
    where carts.cart_key is null
        or carts.row_count > 1
        or steps.event_count <> steps.last_step
        or steps.event_count <> carts.event_count
        or steps.item_count <> carts.item_count
        or steps.value <> carts.value
        or steps.last_event_key <> carts.last_event_key
        or steps.least_item_count < 0
        or (carts.item_count = 0) <> (carts.state = 'emptied')
        or carts.last_event_at < carts.opened_at
        or carts.ordered_at < carts.last_event_at

)

select * from final
