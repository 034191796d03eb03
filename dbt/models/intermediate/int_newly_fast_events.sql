-- The stored events of visitors' dates that are fast by the copies of this run and were not without
-- them: they are made again, once. By copies and not by what is stored of fast dates, which a run
-- that was killed may have written already.
with

settings as (

    select max_views_per_minute from {{ source('inputs', 'settings') }}

),

copies as (

    select * from {{ ref('int_view_copies') }}

),

touched as (

    select
        visitor_id,
        event_date,
    from {{ ref('int_fast_visitor_days') }}
    where event_date in (select distinct event_date from copies)
        and (visitor_id, event_date) in (select (visitor_id, event_date) from copies)

),

stored_minutes as (

    select
        visitor_id,
        event_date,
        viewed_minute,
        count(distinct event_key) as views,
    from copies
    where is_stored
        and (visitor_id, event_date) in (select (visitor_id, event_date) from touched)
    group by visitor_id, event_date, viewed_minute

),

known as (

    select distinct
        stored_minutes.visitor_id,
        stored_minutes.event_date,
    from stored_minutes
    cross join settings
    where stored_minutes.views > settings.max_views_per_minute

),

newly_fast as (

    select
        touched.visitor_id,
        touched.event_date,
    from touched
    left join known
        on touched.visitor_id = known.visitor_id
        and touched.event_date = known.event_date
    where known.visitor_id is null

),

final as (

    select
        event_key,
        event_date,
    from {{ state('fct_events') }}
    where (visitor_id, event_date) in (select (visitor_id, event_date) from newly_fast)
        and event_date in (select distinct event_date from newly_fast)

)

select * from final
