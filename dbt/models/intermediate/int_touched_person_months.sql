-- The months in which a person may have other sessions that led to no order.
with

reached as (

    select distinct
        person_id,
        {{ dates_before('report_date') }} as report_date,
    from {{ ref('int_touched_persons') }}

),

final as (

    select distinct
        person_id,
        {{ month_of('report_date') }} as report_month,
    from reached

)

select * from final
