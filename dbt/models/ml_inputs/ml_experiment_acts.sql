-- What the persons who met a running experiment did, as it was known on the arrival date
-- `as_of_date` (law 4): exposures, sessions, visitors' dates, orders, things shown and clicked.
-- Events and identity are those of then; sessions and orders are made of them here, since the facts
-- of today know more.
with

exposures as (

    select
        'exposure' as act,
        experiment,
        variant,
        event_key,
        device_type,
        country,
        visitor_id,
        user_id,
        event_ts,
    from ({{ bots_as_of(ref('fct_experiment_exposures')) }}) as exposures
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and not is_bot
        and experiment in (select experiment from {{ ref('ml_experiments') }})

),

evidence as (

    select
        visitor_id,
        user_id,
    from {{ ref('int_identity_evidence') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)

),

-- All users who may be one person with somebody exposed, and all visitors that these were seen on.
-- A few too many do no harm: whose act it was is found out below.
exposed_users as (

    select user_id from exposures
    where user_id is not null
    union
    select user_id from evidence
    where visitor_id in (select visitor_id from exposures)

),

users as (

    select user_id from exposed_users
    union
    select others.user_id
    from {{ ref('ml_users_tied') }} as mine
    inner join {{ ref('ml_users_tied') }} as others on mine.person_id = others.person_id
    where mine.user_id in (select user_id from exposed_users)

),

visitors as (

    select visitor_id from exposures
    union
    select visitor_id from evidence
    where user_id in (select user_id from users)
    union
    select {{ hash_of(["'user'", "user_id"]) }} as visitor_id
    from users

),

events as (

    select
        event_key,
        event_ts,
        report_date,
        visitor_id,
        user_id,
        source,
        source_session_id,
        role,
        page_path,
        impression_id,
        is_sessionable,
        is_bot,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id in (select visitor_id from visitors)

),

order_events as (

    select * from ({{ bots_as_of(ref('int_order_events')) }}) as known
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and role in ('order', 'order_update')

),

orders as (

    select
        'order' as act,
        event_key,
        visitor_id,
        user_id,
        event_ts,
        report_date,
        1 as orders,
        cast(gross_revenue is null as integer) as orders_without_value,
        gross_revenue,
    from ({{ valued_orders('order_events') }}) as valued
    where not is_bot
        and visitor_id in (select visitor_id from visitors)

),

session_events as (

    select * from events
    where is_sessionable

),

sessions as (

    select
        'session' as act,
        visitor_id,
        user_id,
        ended_at as event_ts,
        1 as sessions,
        cast(is_engaged as integer) as engaged_sessions,
        cast(is_converting as integer) as converting_sessions,
    from ({{ sessions_as_of('session_events', 'orders') }}) as made
    where not is_bot

),

dates as (

    select
        'date' as act,
        visitor_id,
        arg_max_null(user_id, {{ event_order() }}) as user_id,
        max(event_ts) as event_ts,
        1 as visitors,
        cast((visitor_id, report_date) in (select (visitor_id, report_date) from orders) as integer)
            as converting_visitors,
    from events
    where is_sessionable and not is_bot
    group by visitor_id, report_date

),

items_shown as (

    select
        event_key,
        count(*) as item_count,
    from {{ ref('fct_product_interactions') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and interaction = 'impression'
    group by event_key

),

impressions as (

    select
        'impression' as act,
        events.visitor_id,
        events.user_id,
        events.event_ts,
        coalesce(items_shown.item_count, 1) as impressions,
    from events
    left join items_shown on events.event_key = items_shown.event_key
    where events.role = 'impression' and not events.is_bot

),

clicks as (

    select
        'click' as act,
        event_key,
        visitor_id,
        user_id,
        event_ts,
        coalesce(impression_id, event_key) as click_id,
        1 as clicks,
    from events
    where role = 'click' and not is_bot

),

acts as (

    select * from exposures
    union all by name
    select * exclude (report_date) from orders
    union all by name
    select * from sessions
    union all by name
    select * from dates
    union all by name
    select * from impressions
    union all by name
    select * from clicks

),

labelled as (

    {{ persons_as_of('acts') }}

),

final as (

    select
        act,
        experiment,
        variant,
        event_key,
        device_type,
        country,
        person_id,
        event_ts,
        coalesce(sessions, 0) as sessions,
        coalesce(engaged_sessions, 0) as engaged_sessions,
        coalesce(converting_sessions, 0) as converting_sessions,
        coalesce(visitors, 0) as visitors,
        coalesce(converting_visitors, 0) as converting_visitors,
        coalesce(orders, 0) as orders,
        coalesce(orders_without_value, 0) as orders_without_value,
        coalesce(impressions, 0) as impressions,
        coalesce(clicks, 0) as clicks,
        coalesce(gross_revenue, 0) as gross_revenue,
    from labelled
    -- A person clicks on an impression once, on whatever device.
    qualify act <> 'click'
        or row_number() over (
            partition by act, person_id, click_id order by event_ts, event_key
        ) = 1

)

select * from final
