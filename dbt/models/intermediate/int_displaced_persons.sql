{{ config(materialized='accumulate') }}

-- Whom the touched days belonged to, kept before they are made again. An outbox.
with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

final as (

    select distinct
        person_id,
        report_date,
    from {{ state('int_person_days') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

)

select * from final
