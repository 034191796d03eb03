-- The orders to make again: those of touched events, and those whose session may be another now.
with

window_orders as (

    select {{ order_key('source', 'order_id', 'event_key') }} as order_key
    from {{ ref('int_events_remade') }}
    where role = 'order'

),

final as (

    select order_key from {{ ref('int_touched_orders') }}
    union
    select order_key from window_orders

)

select * from final
