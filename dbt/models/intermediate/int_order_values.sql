-- The value events of each remade order: what they state and, by int_order_lines,
-- which lines they hold.
with

order_events as (

    select * from {{ ref('int_order_events') }}
    where role in ('order', 'order_update')
        and order_key in (select order_key from {{ ref('int_remade_orders') }})

),

final as (

    {{ order_value_events('order_events') }}

)

select * from final
