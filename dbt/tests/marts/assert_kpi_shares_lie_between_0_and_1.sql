-- Shares are shares, and the persons active on a date are among those of its week and month.
-- One row a date: all.
with

final as (

    select
        report_date,
        session_conversion_rate,
        bounce_rate,
        stickiness,
        repeat_purchase_rate,
        cart_abandonment_rate,
        dau,
        wau,
        mau,
    from {{ ref('kpi_daily') }}
    where session_conversion_rate not between 0 and 1
        or bounce_rate not between 0 and 1
        or stickiness not between 0 and 1
        or repeat_purchase_rate not between 0 and 1
        or cart_abandonment_rate not between 0 and 1
        or dau > wau
        or wau > mau

)

select * from final
