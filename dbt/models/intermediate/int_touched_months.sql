-- The months in which other journeys, or others of theirs, may have ended.
with

final as (

    select report_month from {{ ref('int_touched_person_months') }}
    union
    select {{ month_of('report_date') }} as report_month
    from {{ ref('int_touched_paths') }}

)

select * from final
