-- The category of each product of the window as it was last said, as known on the arrival date
-- `as_of_date`: a list of recommendations holds only so many of one. Bots may say it too.
with

said as (

    select
        product_id,
        category,
        {{ event_order() }} || lpad(cast(line_number as varchar), 9, '0') as line_order,
    from {{ ref('fct_product_interactions') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and category is not null

),

final as (

    select
        product_id,
        arg_max(category, line_order) as category,
    from said
    group by product_id

)

select * from final
