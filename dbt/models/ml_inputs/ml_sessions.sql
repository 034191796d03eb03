-- Sessions in which pages were viewed, known on the arrival date `as_of_date`; those of which an
-- event arrived on it are to be scored.
with

known as (

    select
        event_key,
        event_ts,
        arrival_date,
        visitor_id,
        user_id,
        source,
        source_session_id,
        role,
        coalesce(page_path, product_id) as place,
        device_type,
        is_bot,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date) + 1
        )
        and is_sessionable
        and visitor_id is not null

),

-- Most visitors look at little, and are left out before anything is put in order.
readers as (

    select
        visitor_id,
        case when bool_or(role = 'page_view') then 'page_view' else 'product_view' end as view_role,
    from known
    where role in ('page_view', 'product_view')
    group by visitor_id
    having greatest(
            count(*) filter (where role = 'page_view'),
            count(*) filter (where role = 'product_view')
        ) >= {{ var('session_min_views') }}

),

events as (

    select
        known.*,
        coalesce(known.role = readers.view_role, false) as is_view,
        coalesce(known.role, '') not in (
            'page_view', 'product_view', 'list_view', 'impression', 'experiment', 'ping'
        ) as is_act,
    from known
    inner join readers on known.visitor_id = readers.visitor_id

),

cuts as (

    {{ events_with_sessions('events') }}

),

gaps as (

    select
        *,
        case
            when is_view
                then epoch_us(event_ts) - lag(epoch_us(event_ts)) over (
                        partition by visitor_id, tracker_session, run_number, cut_number, is_view
                        order by event_ts, event_key
                    )
        end as gap_us,
    from cuts

),

sessions as (

    select
        visitor_id,
        md5(visitor_id || chr(31) || arg_min(event_key, event_order)) as session_id,
        arg_min(event_key, event_order) as event_key,
        arg_max_null(user_id, event_order) as user_id,
        min(event_ts) as started_at,
        max(event_ts) as event_ts,
        arg_min_null(device_type, event_order) as device_type,
        count(*) filter (where is_view) as views,
        count(distinct place) filter (where is_view) as places,
        count(*) filter (where is_act) as acts,
        quantile_cont(gap_us, [0.25, 0.5, 0.75]) as gaps_us,
        bool_or(is_bot) as is_bot,
        arg_min(event_key, event_order, 10) filter (where is_view) as view_event_keys,
        bool_or(arrival_date = cast(getvariable('as_of_date') as date)) as is_scored,
    from gaps
    group by visitor_id, tracker_session, run_number, cut_number
    having count(*) filter (where is_view) >= {{ var('session_min_views') }}

),

scored as (

    select * from sessions
    where is_scored and not is_bot

),

labelled as (

    {{ persons_as_of('scored') }}

),

final as (

    select
        sessions.session_id,
        sessions.event_key,
        labelled.person_id,
        sessions.started_at,
        sessions.device_type,
        sessions.views,
        sessions.places,
        sessions.acts,
        sessions.gaps_us[1] / 1e6 as gap_low_s,
        sessions.gaps_us[2] / 1e6 as gap_s,
        sessions.gaps_us[3] / 1e6 as gap_high_s,
        sessions.is_bot,
        sessions.view_event_keys,
        sessions.is_scored,
    from sessions
    left join labelled on sessions.session_id = labelled.session_id

)

select * from final
order by started_at, session_id
