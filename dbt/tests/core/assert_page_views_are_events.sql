{{ config(meta={'dagster': {'ref': {'name': 'fct_page_views'}}}) }}

-- Every page view of a touched date is an event of that role, and the other way round.
with

events as (

    select event_key
    from {{ ref('fct_events') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})
        and role = 'page_view'

),

views as (

    select
        event_key,
        dwell_s,
    from {{ ref('fct_page_views') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})

),

final as (

    select
        coalesce(events.event_key, views.event_key) as event_key,
        views.dwell_s,
    from events
    full join views on events.event_key = views.event_key
    where events.event_key is null
        or views.event_key is null
        or views.dwell_s < 0

)

select * from final
