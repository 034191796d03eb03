-- Visitors and persons with the dates on which what they did may be something else now.
with

final as (

    select distinct
        'visitor' as owner_kind,
        visitor_id as owner_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}
    union
    select
        'person' as owner_kind,
        person_id as owner_id,
        report_date,
    from {{ ref('int_touched_persons') }}

)

select * from final
