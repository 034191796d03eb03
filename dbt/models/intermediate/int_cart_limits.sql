{{ config(as_view=true) }}

-- How long a cart is waited for after its last event: until it is abandoned, and until an order no
-- longer recovers it.
with

final as (

    select
        to_hours(cart_timeout_hours) as timeout,
        to_hours(cart_timeout_hours + 24 * cart_recovery_days) as reach,
    from {{ source('inputs', 'settings') }}

)

select * from final
