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

final as (

    select
        event_key,
        {{ order_key('source', 'order_id', 'event_key') }} as order_key,
        source,
        order_id,
        {{ cart_id('properties') }} as cart_id,
        role,
        event_ts,
        event_date,
        report_date,
        arrival_date,
        source_file,
        source_line,
        visitor_id,
        user_id,
        device_type,
        country,
        category,
        coupon,
        reporting_revenue,
        is_bot,
    from winners
    where role <> 'order_update' or order_id is not null

)

select * from final
