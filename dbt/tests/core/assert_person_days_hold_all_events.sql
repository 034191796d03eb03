{{ config(meta={'dagster': {'ref': {'name': 'int_person_days'}}}) }}

-- Every event of a touched visitor day counts for exactly one person.
with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

events as (

    select
        visitor_id,
        report_date,
        count(*) as event_count,
    from {{ ref('fct_events') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
    group by visitor_id, report_date

),

days as (

    select
        visitor_id,
        report_date,
        sum(all_event_count) as event_count,
    from {{ ref('int_person_days') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
    group by visitor_id, report_date

),

final as (

    select
        touched.visitor_id,
        touched.report_date,
        events.event_count,
        days.event_count as counted,
    from touched
    left join events
        on touched.visitor_id = events.visitor_id
        and touched.report_date = events.report_date
    left join days
        on touched.visitor_id = days.visitor_id
        and touched.report_date = days.report_date
    where coalesce(events.event_count, 0) <> coalesce(days.event_count, 0)

)

select * from final
