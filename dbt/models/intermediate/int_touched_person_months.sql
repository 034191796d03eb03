-- The months in which a person may have other sessions that led to no order: those of its touched
-- dates and, where an order of the date may be another, those that the order looks back to.
with

touched as (

    select
        person_id,
        report_date,
    from {{ ref('int_touched_persons') }}

),

looking_back as (

    select distinct
        person_id,
        {{ dates_before('report_date') }} as report_date,
    from touched
    where report_date in (select report_date from {{ ref('int_touched_paths') }})

),

final as (

    select
        person_id,
        {{ month_of('report_date') }} as report_month,
    from touched
    union
    select
        person_id,
        {{ month_of('report_date') }} as report_month,
    from looking_back

)

select * from final
