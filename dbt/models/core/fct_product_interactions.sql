{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

with

events as (

    select * from {{ ref('int_events_remade') }}
    where role in (
            'product_view', 'product_click', 'cart_add', 'cart_remove', 'wishlist_add',
            'order', 'impression', 'click', 'review'
        )

),

lines as (

    {{ event_lines('events', [
        'event_key', 'event_ts', 'event_date', 'report_date', 'arrival_date', 'source',
        'visitor_id', 'user_id', 'session_id', 'role', 'is_bot',
    ]) }}

),

final as (

    select
        event_key,
        line_number,
        event_ts,
        event_date,
        report_date,
        arrival_date,
        source,
        visitor_id,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        role as interaction,
        price,
        quantity,
        is_bot,
    from lines
    where product_id is not null

)

select * from final
