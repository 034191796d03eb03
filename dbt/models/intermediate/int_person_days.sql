{{
    config(
        materialized='replace_touched',
        replace_key=['visitor_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_visitor_days'],
    )
}}

-- The persons of the stored days go into their outbox first.
-- depends_on: {{ ref('int_displaced_persons') }}
-- What each visitor did on a report date, by the person it counts for. Everything about persons
-- adds up from here.
with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

events as (

    select
        *,
        {{ event_order() }} as event_order,
    from {{ ref('fct_events') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

),

sessions as (

    select
        *,
        {{ event_order('started_at', 'session_id') }} as session_order,
    from {{ ref('fct_sessions') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

),

orders as (

    select
        *,
        {{ event_order('ordered_at', 'order_key') }} as order_order,
    from {{ ref('fct_orders') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

),

refund_dates as (

    select * from {{ ref('fct_refunds') }}
    where report_date in (select distinct report_date from touched)

),

refunded_orders as (

    select
        order_key,
        visitor_id,
        user_id,
        ordered_at,
    from {{ ref('fct_orders') }}
    where order_key in (select order_key from refund_dates where visitor_id is null)

),

refunds as (

    select
        coalesce(refund_dates.visitor_id, refunded_orders.visitor_id) as visitor_id,
        case
            when refund_dates.visitor_id is not null then refund_dates.user_id
            else refunded_orders.user_id
        end as user_id,
        case
            when refund_dates.visitor_id is not null then refund_dates.refunded_at
            else refunded_orders.ordered_at
        end as label_at,
        refund_dates.report_date,
        refund_dates.amount,
    from refund_dates
    left join refunded_orders on refund_dates.order_key = refunded_orders.order_key
    where not refund_dates.is_bot

),

contributions as (

    select
        visitor_id,
        report_date,
        user_id,
        event_ts as label_at,
        event_order as order_text,
        'event' as kind,
        is_bot,
        is_sessionable and not is_bot as is_active,
        role,
        event_ts,
        cast(null as varchar) as channel,
        device_type,
        country,
        cast(null as decimal(18, 4)) as amount,
    from events
    union all by name
    select
        visitor_id,
        report_date,
        last_event_user_id as user_id,
        ended_at as label_at,
        session_order as order_text,
        'session' as kind,
        false as is_bot,
        channel,
    from sessions
    where not is_bot
    union all by name
    select
        visitor_id,
        report_date,
        user_id,
        ordered_at as label_at,
        order_order as order_text,
        'order' as kind,
        false as is_bot,
        ordered_at as event_ts,
        coalesce(gross_revenue, 0) as amount,
        gross_revenue is not null as is_active,
    from orders
    where not is_bot
    union all by name
    select
        visitor_id,
        report_date,
        user_id,
        label_at,
        'refund' as kind,
        false as is_bot,
        amount,
    from refunds
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)

),

labelled as (

    select
        contributions.*,
        contributions.user_id is not null as is_own_user,
        {{ person_of_act('contributions', 'tied') }} as person_id,
    from contributions
    left join {{ ref('int_users_tied') }} as tied on contributions.user_id = tied.user_id
    left join {{ ref('map_visitor_person') }} as map
        on contributions.visitor_id = map.visitor_id
        and contributions.label_at >= map.valid_from
        and contributions.label_at < map.valid_to

),

final as (

    select
        visitor_id,
        report_date,
        person_id,
        is_own_user,
        user_id,
        count(*) filter (where kind = 'event') as all_event_count,
        count(*) filter (where kind = 'event' and not is_bot) as event_count,
        count(*) filter (where kind = 'event' and is_active) as active_event_count,
        count(*) filter (where role = 'page_view' and not is_bot) as page_views,
        count(*) filter (where role = 'product_view' and not is_bot) as product_views,
        count(*) filter (where role = 'cart_add' and not is_bot) as cart_adds,
        count(*) filter (where role = 'sign_up' and not is_bot) as sign_ups,
        count(*) filter (where kind = 'session') as session_count,
        count(*) filter (where kind = 'order') as order_count,
        count(*) filter (where kind = 'order' and is_active) as valued_order_count,
        {{ total("coalesce(sum(amount) filter (where kind = 'order'), 0)") }}
            as gross_revenue,
        {{ total("coalesce(sum(amount) filter (where kind = 'refund'), 0)") }} as refunds,
        min(event_ts) filter (where kind = 'event') as all_first_seen_at,
        max(event_ts) filter (where kind = 'event') as all_last_seen_at,
        min(event_ts) filter (where kind = 'event' and not is_bot) as first_seen_at,
        max(event_ts) filter (where kind = 'event' and not is_bot) as last_seen_at,
        min(event_ts) filter (where kind = 'order') as first_order_at,
        max(event_ts) filter (where kind = 'order') as last_order_at,
        max(order_text) filter (where kind = 'event' and not is_bot and device_type is not null)
            as last_device_order,
        arg_max(device_type, order_text)
        filter (where kind = 'event' and not is_bot and device_type is not null)
            as last_device_type,
        max(order_text) filter (where kind = 'event' and not is_bot and country is not null)
            as last_country_order,
        arg_max(country, order_text)
        filter (where kind = 'event' and not is_bot and country is not null) as last_country,
        min(order_text) filter (where kind = 'session') as first_session_order,
        arg_min(channel, order_text) filter (where kind = 'session') as first_channel,
        max(order_text) filter (where kind = 'session') as last_session_order,
        arg_max(channel, order_text) filter (where kind = 'session') as last_channel,
        min(label_at) as label_from,
        max(label_at) as label_to,
    from labelled
    where person_id is not null
    group by visitor_id, report_date, person_id, is_own_user, user_id

)

select * from final
