{{ config(materialized='made_view') }}

-- A view: carts of past dates are abandoned as time goes by, without any event of theirs.
with

as_of as (

    {{ latest_closed_date() }}

),

counts as (

    {{ cart_counts(ref_beside('int_cart_days'), 'as_of') }}

),

final as (

    select
        report_date,
        carts,
        open_carts,
        ended_carts,
        ordered_carts,
        emptied_carts,
        abandoned_carts,
        recovered_carts,
        open_value,
        ordered_value,
        abandoned_value,
        recovered_value,
        {{ ratio_columns(of='cart_abandonment') }}
        median_minutes_to_order,
    from counts

)

select * from final
