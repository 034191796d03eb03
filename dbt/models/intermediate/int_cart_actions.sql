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

    select
        *,
        {{ cart_id('properties') }} as cart_id,
    from {{ ref('int_event_copies') }}
    where copy_number = 1 and role in ({{ cart_roles() }})

),

final as (

    select
        event_key,
        {{ cart_holder('source', 'cart_id', 'visitor_id') }} as holder_key,
        source,
        cart_id,
        visitor_id,
        user_id,
        role,
        event_ts,
        event_date,
        report_date,
        is_bot,
    from winners
    where coalesce(cart_id, visitor_id) is not null

)

select * from final
