{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

-- A view is what one session did with one piece of content. Its key is its first event: whatever
-- changes a session makes all events of it again, the first one of each old view among them.
with

events as (

    select
        *,
        {{ event_order() }} as event_order,
        properties ->> '$.content_id' as content_id,
        properties ->> '$.content_type' as content_type,
        try_cast(properties ->> '$.progress_pct' as double) as progress_pct,
        try_cast(properties ->> '$.duration_s' as double) as duration_s,
    from {{ ref('int_events_remade') }}
    where role = 'content'

),

views as (

    select
        content_id,
        arg_min(event_key, event_order) as event_key,
        arg_min(source, event_order) as source,
        arg_min(content_type, event_order) filter (where content_type is not null)
            as content_type,
        any_value(visitor_id) as visitor_id,
        arg_max(user_id, event_order) filter (where user_id is not null) as user_id,
        any_value(session_id) as session_id,
        arg_min(event_date, event_order) as event_date,
        arg_min(report_date, event_order) as report_date,
        bool_or(
            event_name = 'content_completed' or coalesce(progress_pct = 100, false)
        ) as is_completed,
        bool_or(is_bot) as is_bot,
        count(*) as event_count,
        max(progress_pct) filter (where progress_pct between 0 and 100) / 100 as share_reached,
        arg_min(duration_s, event_order) filter (where duration_s >= 0) as duration_s,
        min(event_ts) as started_at,
        max(event_ts) as ended_at,
    from events
    group by coalesce(session_id, event_key), content_id

),

final as (

    select
        event_key,
        content_id,
        content_type,
        source,
        visitor_id,
        user_id,
        session_id,
        event_date,
        report_date,
        is_completed,
        is_bot,
        event_count,
        case when is_completed then 1 else share_reached end as share_seen,
        case
            when event_count > 1
                then cast(epoch_us(ended_at) - epoch_us(started_at) as double) / 1000000
        end as dwell_s,
        duration_s,
        started_at,
        ended_at,
    from views

)

select * from final
