{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

-- A page view lasts until the next one of its session. Whatever changes a session makes all events
-- of it again, and so its page views.
with

events as (

    select
        *,
        {{ event_order() }} as event_order,
        try_cast(properties ->> '$.scroll_depth_pct' as double) as scrolled_pct,
    from {{ ref('int_events_remade') }}
    where session_id is not null or role = 'page_view'

),

numbered as (

    select
        *,
        coalesce(session_id, event_key) as walk,
        count(*) filter (where role = 'page_view') over (
            partition by coalesce(session_id, event_key)
            order by event_order
            rows unbounded preceding
        ) as number_in_walk,
    from events

),

-- What was seen of a page until the next one.
spans as (

    select
        walk,
        number_in_walk,
        max(event_ts) as last_event_at,
        count(*) as event_count,
        max(scrolled_pct) filter (where scrolled_pct between 0 and 100) as scroll_depth_pct,
        {{ ping_buckets() }} filter (where role = 'ping') as ping_buckets,
    from numbered
    group by walk, number_in_walk

),

views as (

    select
        numbered.*,
        spans.scroll_depth_pct,
        case when spans.ping_buckets > 0 then {{ engaged_span('spans.ping_buckets') }} end
            as engaged_s,
        coalesce(
            lead(numbered.event_ts) over (
                partition by numbered.walk
                order by numbered.number_in_walk
            ),
            case when spans.event_count > 1 then spans.last_event_at end
        ) as left_at,
    from numbered
    inner join spans
        on numbered.walk = spans.walk
        and numbered.number_in_walk = spans.number_in_walk
    where numbered.role = 'page_view'

),

final as (

    select
        event_key,
        source,
        visitor_id,
        user_id,
        session_id,
        event_date,
        report_date,
        is_bot,
        page_path,
        case when session_id is not null then number_in_walk end as view_number,
        event_ts as viewed_at,
        cast(epoch_us(left_at) - epoch_us(event_ts) as double) / 1000000 as dwell_s,
        engaged_s,
        scroll_depth_pct,
    from views

)

select * from final
