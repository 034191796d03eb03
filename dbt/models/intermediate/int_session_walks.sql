-- What each session of the touched dates did, event by event.
with

sessions as (

    select
        session_id,
        report_date,
        started_at,
        ended_at,
        orders,
    from {{ ref('fct_sessions') }}
    where report_date in (select report_date from {{ ref('int_touched_session_dates') }})
        and not is_bot

),

event_dates as (

    select distinct
        cast(unnest(generate_series(
            date_trunc('day', started_at), ended_at, interval 1 day
        )) as date) as event_date,
    from sessions

),

final as (

    select
        events.session_id,
        sessions.report_date,
        cast(date_trunc('month', sessions.report_date) as date) as report_month,
        sessions.orders >= 1 as is_converting,
        row_number() over in_session as place,
        events.event_name as state,
        lead(events.event_name) over in_session as next_state,
        cast(
            epoch_us(lead(events.event_ts) over in_session) - epoch_us(events.event_ts) as double
        ) / 1000000 as seconds,
    from {{ ref('fct_events') }} as events
    inner join sessions on events.session_id = sessions.session_id
    where events.event_date in (select event_date from event_dates)
    window
        in_session as (
            partition by events.session_id order by events.event_ts, events.event_key
        )

)

select * from final
