{#
    Events of a window with the session that each is in (visitor_id, tracker_session, run_number,
    cut_number): the rule of int_events_sessionized without what earlier runs left, for models that
    ask what was known on a date. `events` is a CTE of sessionable events of whole visitors with
    event_key, event_ts, visitor_id, source and source_session_id.
#}
{% macro events_with_sessions(events) -%}
    with

    pauses as (

        select
            *,
            {{ event_order() }} as event_order,
            event_ts - lag(event_ts) over (
                partition by visitor_id, tracker_session order by event_ts, event_key
            ) as pause,
        from ({{ with_tracker_session(events) }}) as tracked

    ),

    gaps as (

        select
            *,
            {{ opens_run() }} as opens_run,
        from pauses

    ),

    runs as (

        select
            *,
            sum(cast(opens_run as integer)) over (
                partition by visitor_id, tracker_session order by event_ts, event_key
                rows unbounded preceding
            ) as run_number,
        from gaps

    )

    select
        *,
        (
            epoch_us(event_ts)
            - min(epoch_us(event_ts)) over (
                partition by visitor_id, tracker_session, run_number
            )
        ) // ({{ var('session_cut_hours') }} * 3600000000) as cut_number,
    from runs
{%- endmacro %}

{#
    Sessions of visitors from all of their events in a window, which `events` gives: besides the
    columns of `events_with_sessions` user_id, role, page_path and is_bot; `orders` is a CTE of
    orders with the event_key of their first event.
#}
{% macro sessions_as_of(events, orders) -%}
    with

    cuts as (

        {{ events_with_sessions(events) }}

    ),

    pings as (

        select
            visitor_id,
            tracker_session,
            run_number,
            cut_number,
            {{ engaged_seconds('buckets') }} as engaged_s,
        from (
            select
                visitor_id,
                tracker_session,
                run_number,
                cut_number,
                page_path,
                {{ ping_buckets() }} as buckets,
            from cuts
            where role = 'ping'
            group by visitor_id, tracker_session, run_number, cut_number, page_path
        ) as views
        group by visitor_id, tracker_session, run_number, cut_number

    ),

    sessions as (

        select
            visitor_id,
            tracker_session,
            run_number,
            cut_number,
            arg_max_null(user_id, event_order) as user_id,
            bool_or(is_bot) as is_bot,
            count(*) filter (where role = 'page_view') as page_views,
            count(*) filter (where event_key in (select event_key from {{ orders }})) as orders,
            max(event_ts) as ended_at,
        from cuts
        group by visitor_id, tracker_session, run_number, cut_number

    )

    select
        sessions.visitor_id,
        sessions.user_id,
        sessions.is_bot,
        sessions.orders >= 1 as is_converting,
        {{ is_engaged('pings.engaged_s', 'sessions.page_views', 'sessions.orders') }}
            as is_engaged,
        sessions.ended_at,
    from sessions
    left join pings
        on sessions.visitor_id = pings.visitor_id
        and sessions.tracker_session = pings.tracker_session
        and sessions.run_number = pings.run_number
        and sessions.cut_number = pings.cut_number
{%- endmacro %}
