with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

final as (

    select
        person_id,
        report_date,
    from {{ ref('int_displaced_persons') }}
    union
    select
        person_id,
        report_date,
    from {{ ref('int_person_days') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

)

select * from final
