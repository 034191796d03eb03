{{
    config(
        materialized='replace_touched',
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_event_copies'],
    )
}}

with

winners as (

    select * from {{ ref('int_event_copies') }}
    where copy_number = 1 and role in ('order', 'order_update', 'refund')

),

lines as (

    {{ event_lines('winners', ['event_key', 'event_date']) }}

),

final as (

    select
        event_key,
        line_number,
        event_date,
        product_id,
        category,
        brand,
        price,
        quantity,
        {{ worth_of('price', 'quantity') }} as line_revenue,
    from lines

)

select * from final
