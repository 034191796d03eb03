{{ config(meta={'dagster': {'ref': {'name': 'fct_carts'}}}) }}

-- Of one holder's carts one is open at a time: the next is opened after the last event of the one
-- before, and after the order that ended it. Only dates of touched carts.
with

dates as (

    select report_date from {{ ref('int_touched_cart_dates') }}

),

holders as (

    select
        cart_key,
        holder_key,
    from {{ ref('int_carts') }}
    where report_date in (select report_date from dates)

),

carts as (

    select
        holders.holder_key,
        carts.cart_key,
        carts.state,
        carts.opened_at,
        carts.last_event_at,
        carts.ordered_at,
    from {{ ref('fct_carts') }} as carts
    inner join holders on carts.cart_key = holders.cart_key
    where carts.report_date in (select report_date from dates)

),

following as (

    select
        *,
        lead(opened_at) over (
            partition by holder_key order by opened_at, last_event_at
        ) as next_opened_at,
    from carts

),

final as (

    select * from following
    where next_opened_at < last_event_at
        or (state = 'ordered' and next_opened_at < ordered_at)

)

select * from final
