-- What KPIs count, before it is counted: then distinct persons of a week are no sum of days.
{% set users = ref_beside('user_persons') %}
{% set visitors = ref_beside('map_visitor_person') %}
{% set counts = [
    'sessions', 'new_visitors', 'engaged_sessions', 'converting_sessions', 'page_views',
    'product_views', 'cart_adds', 'checkouts', 'orders', 'orders_without_value', 'impressions',
    'carts', 'ended_carts', 'abandoned_carts',
] %}
{% set sums = ['items', 'gross_revenue', 'refunds', 'net_revenue'] %}

with

sessions as (

    select
        session_id,
        report_date,
        source,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        coalesce(channel, '(not set)') as channel,
        is_new_visitor,
        is_engaged,
        is_bot,
        orders,
    from {{ ref_beside('fct_sessions') }}

),

events as (

    select
        event_key,
        report_date,
        source,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        visitor_id,
        user_id,
        session_id,
        impression_id,
        role,
        is_sessionable,
        event_ts,
    from {{ ref_beside('fct_events') }}
    where not is_bot

),

event_persons as (

    {{ acts_of_persons('events', 'event_ts', users, visitors) }}

),

impression_lines as (

    select
        event_key,
        1 as impressions,
    from {{ ref_beside('fct_product_interactions') }}
    where interaction = 'impression' and not is_bot

),

event_acts as (

    select
        event_persons.report_date,
        event_persons.source,
        event_persons.device_type,
        event_persons.country,
        coalesce(sessions.channel, '(not set)') as channel,
        case when event_persons.is_sessionable then event_persons.visitor_id end as visitor_id,
        case when event_persons.is_sessionable then event_persons.person_id end as person_id,
        case
            when event_persons.role = 'click' and event_persons.impression_id is not null
                then 'impression ' || event_persons.impression_id
            when event_persons.role = 'click' then 'event ' || event_persons.event_key
        end as click_id,
        case
            when event_persons.role = 'impression' then coalesce(impression_lines.impressions, 1)
        end as impressions,
        {% for role in ['page_view', 'product_view', 'cart_add', 'checkout'] -%}
        case when event_persons.role = '{{ role }}' then 1 end as {{ role }}s,
        {% endfor -%}
    from event_persons
    left join sessions on event_persons.session_id = sessions.session_id
    -- An event that shows several items is as many impressions: the join multiplies its row, whose
    -- other counts are of distinct ids. One key: DuckDB compares every row with every other where a
    -- side's own condition stands beside it.
    left join impression_lines
        on case when event_persons.role = 'impression' then event_persons.event_key end
        = impression_lines.event_key

),

session_acts as (

    select
        report_date,
        source,
        device_type,
        country,
        channel,
        1 as sessions,
        cast(is_new_visitor as integer) as new_visitors,
        cast(is_engaged as integer) as engaged_sessions,
        cast(orders >= 1 as integer) as converting_sessions,
    from sessions
    where not is_bot

),

orders as (

    select * from {{ ref_beside('fct_orders') }}
    where not is_bot

),

order_persons as (

    {{ acts_of_persons('orders', 'ordered_at', users, visitors) }}

),

order_acts as (

    select
        order_persons.report_date,
        order_persons.source,
        coalesce(order_persons.device_type, '(not set)') as device_type,
        coalesce(order_persons.country, '(not set)') as country,
        coalesce(sessions.channel, '(not set)') as channel,
        order_persons.visitor_id as ordering_visitor_id,
        order_persons.person_id as ordering_person_id,
        case
            when
                row_number() over (
                    partition by order_persons.person_id
                    order by order_persons.ordered_at, order_persons.order_key
                ) > 1
                then order_persons.person_id
        end as repeat_ordering_person_id,
        1 as orders,
        cast(order_persons.gross_revenue is null as integer) as orders_without_value,
        order_persons.items,
        order_persons.gross_revenue,
        order_persons.gross_revenue as net_revenue,
    from order_persons
    left join sessions on order_persons.session_id = sessions.session_id

),

refund_acts as (

    select
        report_date,
        source,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        '(not set)' as channel,
        amount as refunds,
        -amount as net_revenue,
    from {{ ref_beside('fct_refunds') }}
    where not is_bot

),

-- By its first event, as kpi_daily_by_dimension counts it.
cart_acts as (

    select
        carts.report_date,
        carts.source,
        events.device_type,
        events.country,
        coalesce(sessions.channel, '(not set)') as channel,
        1 as carts,
        cast(carts.state <> 'open' as integer) as ended_carts,
        cast(carts.state in ('abandoned', 'recovered') as integer) as abandoned_carts,
    from {{ ref_beside('fct_carts') }} as carts
    inner join events on carts.event_key = events.event_key
    left join sessions on events.session_id = sessions.session_id
    where not carts.is_bot

),

acts as (

    select * from event_acts
    union all by name
    select * from session_acts
    union all by name
    select * from order_acts
    union all by name
    select * from refund_acts
    union all by name
    select * from cart_acts

),

final as (

    select
        report_date,
        source,
        device_type,
        country,
        channel,
        visitor_id,
        person_id,
        ordering_visitor_id,
        ordering_person_id,
        repeat_ordering_person_id,
        click_id,
        -- Counts are never null, so that a ratio of nothing to something is 0.
        {% for column in counts -%}
        coalesce({{ column }}, 0) as {{ column }},
        {% endfor -%}
        {% for column in sums -%}
        cast(coalesce({{ column }}, 0) as decimal(18, 4)) as {{ column }},
        {% endfor -%}
    from acts

)

select * from final
