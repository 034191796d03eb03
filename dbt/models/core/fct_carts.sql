{{ config(materialized='made_view') }}

-- A view: a cart is abandoned as time goes by, without any event of its own.
with

as_of as (

    {{ latest_closed_date() }}

),

stated as (

    select
        carts.*,
        case
            when carts.outcome <> 'lapsed' then carts.outcome
            when carts.due_date <= as_of.as_of_date then 'abandoned'
            else 'open'
        end as state,
    from {{ ref_beside('int_carts') }} as carts
    cross join as_of

),

final as (

    select
        cart_key,
        source,
        cart_id,
        visitor_id,
        user_id,
        event_key,
        last_event_key,
        order_key,
        report_date,
        state,
        is_bot,
        event_count,
        add_count,
        remove_count,
        checkout_count,
        item_count,
        product_count,
        unpriced_item_count,
        value,
        peak_value,
        opened_at,
        last_event_at,
        case state
            when 'ordered' then ordered_at
            when 'emptied' then last_event_at
            when 'open' then null
            else abandoned_at
        end as ended_at,
        case when state <> 'open' then abandoned_at end as abandoned_at,
        ordered_at,
        case when state = 'recovered' then ordered_at end as recovered_at,
    from stated

)

select * from final
