-- Every product on a line of a touched event, of whichever copy, with the event's dates.
with

copies as (

    select * from {{ ref('int_event_copies') }}
    where role in (
            'list_view', 'product_view', 'product_click', 'cart_add', 'cart_remove', 'wishlist_add',
            'order', 'order_update', 'refund', 'impression', 'click', 'review'
        )

),

-- One line's worth of copies at a time: the macro joins on event_key, and copies share it.
keyed as (

    select * replace (event_key || '-' || copy_number as event_key)
    from copies

),

lines as (

    {{ event_lines('keyed', ['event_date', 'report_date']) }}

),

final as (

    select distinct
        product_id,
        event_date,
        report_date,
    from lines
    where product_id is not null

)

select * from final
