{{
    config(
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_event_copies', 'int_cart_actions_remade'],
    )
}}

with

final as (

    select
        event_key,
        cart_key,
        step_number,
        role,
        event_date,
        report_date,
        is_bot,
        quantity_change,
        item_count,
        product_count,
        unpriced_item_count,
        value,
        event_ts,
    from {{ ref('int_cart_steps') }}

)

select * from final
