{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}

-- A session that was made again stands once and begins, ends and counts as its events do.
with

remade as (

    select
        session_id,
        visitor_id,
        report_date,
        started_at,
        ended_at,
    from {{ ref('int_sessions_remade') }}

),

-- A session is shorter than a day, so its events lie on the dates of its first and its last.
dates as (

    select distinct unnest([cast(started_at as date), cast(ended_at as date)]) as event_date
    from remade

),

events as (

    select
        session_id,
        count(*) as event_count,
        min(event_ts) as started_at,
        max(event_ts) as ended_at,
    from {{ ref('fct_events') }}
    where session_id in (select session_id from remade)
        and event_date in (select event_date from dates)
    group by session_id

),

sessions as (

    select
        session_id,
        count(*) as row_count,
        any_value(event_count) as event_count,
        any_value(started_at) as started_at,
        any_value(ended_at) as ended_at,
    from {{ ref('fct_sessions') }}
    where session_id in (select session_id from remade)
        and report_date in (select distinct report_date from remade)
    group by session_id

),

final as (

    select
        remade.session_id,
        sessions.row_count,
        sessions.event_count,
        events.event_count as events_found,
    from remade
    left join sessions on remade.session_id = sessions.session_id
    left join events on remade.session_id = events.session_id
    where sessions.row_count is distinct from 1
        or sessions.event_count is distinct from events.event_count
        or sessions.started_at is distinct from events.started_at
        or sessions.ended_at is distinct from events.ended_at

)

select * from final
