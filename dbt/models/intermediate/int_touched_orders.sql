with

copies as (

    select
        {{ order_key('source', 'order_id', 'event_key') }} as order_key,
        visitor_id,
    from {{ ref('int_event_copies') }}
    where role in ('order', 'order_update', 'refund')

),

final as (

    select distinct
        order_key,
        visitor_id,
    from copies

)

select * from final
