-- The stored carts of the windows: all of them are made again, or are no more.
with

windows as (

    select * from {{ ref('int_cart_windows') }}

),

dates as (

    select distinct
        cast(unnest({{ dates_between('started_at', 'ended_at') }}) as date) as opened_date
    from windows

),

final as (

    select distinct
        carts.cart_key,
        carts.opened_date,
    from {{ state('int_carts') }} as carts
    inner join windows
        on carts.holder_key = windows.holder_key
        and carts.opened_at between windows.started_at and windows.ended_at
    where carts.opened_date in (select opened_date from dates)

)

select * from final
