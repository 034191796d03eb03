-- The visitor's dates on which a session, or the one that it borrows its channel from, may be
-- another now. Not those of a person that moved: a touchpoint knows none.
with

dates as (

    select
        visitor_id,
        report_date,
    from {{ ref('int_touched_points') }}
    union
    select
        visitor_id,
        report_date,
    from {{ ref('int_events_sessionized') }}
    where visitor_id is not null

),

final as (

    select distinct
        visitor_id,
        {{ dates_after('report_date') }} as report_date,
    from dates

)

select * from final
