-- The sessions of the windows, made from their events and orders, not yet numbered.
with

events as (

    select
        *,
        {{ event_order() }} as event_order,
    from {{ ref('int_events_remade') }}
    where session_id is not null

),

pings as (

    select
        session_id,
        {{ engaged_seconds('buckets') }} as engaged_s,
    from (
        select
            session_id,
            page_path,
            {{ ping_buckets() }} as buckets,
        from events
        where role = 'ping'
        group by session_id, page_path
    ) as views
    group by session_id

),

orders as (

    select
        session_id,
        count(*) as orders,
        sum(gross_revenue) as revenue,
    from {{ ref('fct_orders') }}
    where order_key in (select order_key from {{ ref('int_remade_orders') }})
    group by session_id

),

sessions as (

    select
        session_id,
        any_value(visitor_id) as visitor_id,
        any_value(run_started_at) as run_started_at,
        any_value(is_source_session) as is_source_session,
        arg_min(report_date, event_order) as report_date,
        arg_min(source, event_order) as source,
        arg_max(user_id, event_order) filter (where user_id is not null) as user_id,
        arg_max_null(user_id, event_order) as last_event_user_id,
        arg_min(source_session_id, event_order) filter (where source_session_id is not null)
            as source_session_id,
        arg_min(page_path, event_order) filter (where role = 'page_view' and page_path is not null)
            as entry_page,
        arg_max(page_path, event_order) filter (where role = 'page_view' and page_path is not null)
            as exit_page,
        arg_min(device_type, event_order) filter (where device_type is not null) as device_type,
        arg_min(country, event_order) filter (where country is not null) as country,
        bool_or(is_bot) as is_bot,
        bool_or(arrival_date > event_date) as is_late_changed,
        count(*) as event_count,
        count(*) filter (where role = 'page_view') as page_views,
        count(*) filter (where role = 'product_view') as product_views,
        count(*) filter (where role = 'cart_add') as cart_adds,
        min(event_ts) as started_at,
        max(event_ts) as ended_at,
    from events
    group by session_id

),

joined as (

    select
        sessions.*,
        origins.utm_source,
        origins.utm_medium,
        origins.utm_campaign,
        origins.referrer,
        origins.click_id_kind,
        origins.traffic_source,
        origins.traffic_medium,
        {{ channel(
            "coalesce(origins.traffic_source, '')", "coalesce(origins.traffic_medium, '')",
            "coalesce(origins.campaign_said, '')", "coalesce(origins.source_kind, '')"
        ) }} as channel,
        cast(epoch_us(sessions.ended_at) - epoch_us(sessions.started_at) as double) / 1000000
            as duration_s,
        cast(pings.engaged_s as double) as engaged_s,
        coalesce(orders.orders, 0) as orders,
        {{ total('coalesce(orders.revenue, 0)') }} as revenue,
    from sessions
    left join {{ ref('int_session_origins') }} as origins
        on sessions.session_id = origins.session_id
    left join pings on sessions.session_id = pings.session_id
    left join orders on sessions.session_id = orders.session_id

),

final as (

    select
        *,
        {{ is_engaged('engaged_s', 'page_views', 'orders') }} as is_engaged,
    from joined

)

select * from final
