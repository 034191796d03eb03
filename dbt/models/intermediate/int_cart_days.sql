{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_cart_dates'],
    )
}}

with

final as (

    select
        report_date,
        outcome,
        due_date,
        count(*) as carts,
        {{ total('sum(value)') }} as cart_value,
        median((epoch_us(ordered_at) - epoch_us(opened_at)) / 60000000) as median_minutes_to_order,
    from {{ ref('int_carts') }}
    where report_date in (select report_date from {{ ref('int_touched_cart_dates') }})
        and not is_bot
    group by report_date, outcome, due_date

)

select * from final
