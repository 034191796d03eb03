-- Recommended products that were shown, with the probability of each, and what came of it within
-- `bandit_reward_days`, as it was known on the arrival date `as_of_date` (law 4). What somebody is
-- offered is decided by device, so is what it brought: no identity is needed.
with

events as (

    select
        event_key,
        event_ts,
        event_date,
        visitor_id,
        event_name,
        product_id,
        impression_id,
        properties,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and event_name in ('recommendation_shown', 'recommendation_clicked')
        and visitor_id is not null
        and not is_bot

),

-- An item of a list says for itself with which probability it was chosen; what the event says is
-- said of a single item alone.
items as (

    select
        lines.event_key,
        lines.line_number,
        lines.product_id,
        events.event_ts,
        events.event_date,
        events.visitor_id,
        events.impression_id,
        coalesce(
            events.properties ->> '$.list_id', events.properties ->> '$.placement', '(not set)'
        ) as list_id,
        events.properties ->> '$.model_version' as logged_by,
        count(*) over (partition by lines.event_key) as item_count,
        coalesce(
            cast(
                case
                    when json_type(events.properties, '$.products') = 'ARRAY'
                        then events.properties -> '$.products'
                end as json[]
            )[lines.line_number],
            events.properties
        ) as said,
    from {{ ref('fct_product_interactions') }} as lines
    inner join events on lines.event_key = events.event_key
    where events.event_name = 'recommendation_shown'
        and (
            lines.event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
    -- What is logged again under the same id was shown once.
    qualify events.impression_id is null
        or row_number() over (
            partition by events.impression_id, lines.product_id
            order by events.event_ts, lines.event_key, lines.line_number
        ) = 1

),

read_items as (

    select
        * exclude (said),
        coalesce(try_cast(said ->> '$.position' as integer), line_number) as position,
        -- Without an id nobody can know whether it was clicked.
        case
            when impression_id is not null then try_cast(said ->> '$.propensity' as double)
        end as stated_propensity,
    from items

),

neighbours as (

    select
        *,
        case
            when stated_propensity > 0 and stated_propensity <= 1 then stated_propensity
        end as propensity,
        lag(position) over (
            partition by visitor_id, list_id order by event_ts, position, event_key, line_number
        ) as position_above,
        lag(event_ts) over (
            partition by visitor_id, list_id order by event_ts, position, event_key, line_number
        ) as above_ts,
    from read_items

),

-- What is shown together: positions go up, and without a long pause.
slates as (

    select
        *,
        sum(
            case
                when position > position_above
                    and event_ts - above_ts <= interval {{ var('session_gap_minutes') }} minute
                    then 0
                else 1
            end
        ) over (
            partition by visitor_id, list_id order by event_ts, position, event_key, line_number
            rows unbounded preceding
        ) as slate_number,
    from neighbours

),

shown as (

    select
        *,
        count(propensity) over (partition by visitor_id, list_id, slate_number) > 0 as is_known,
    from slates

),

clicks as (

    select
        shown.event_key,
        shown.line_number,
        shown.visitor_id,
        shown.product_id,
        shown.event_ts + interval {{ var('bandit_reward_days') }} day as ends_at,
        min(events.event_ts) as clicked_at,
    from shown
    inner join events
        on shown.impression_id = events.impression_id
        and shown.visitor_id = events.visitor_id
        and shown.event_ts <= events.event_ts
    where events.event_name = 'recommendation_clicked'
        and events.event_ts < shown.event_ts + interval {{ var('bandit_reward_days') }} day
        and coalesce(events.product_id = shown.product_id, shown.item_count = 1)
        and shown.is_known
    group by
        shown.event_key, shown.line_number, shown.visitor_id, shown.product_id, shown.event_ts

),

later_events as (

    {{ later_order_events() }}

),

order_events as (

    {{ overtaken_order_events('later_events') }}

),

order_lines as (

    select
        order_key,
        event_key,
        line_number,
        product_id,
        line_revenue,
    from {{ ref('fct_order_items') }}
    where order_key not in (select order_key from later_events)
    union all
    select
        value_events.order_key,
        lines.event_key,
        lines.line_number,
        lines.product_id,
        lines.line_revenue,
    from {{ ref('int_order_lines') }} as lines
    inner join ({{ order_value_events('order_events') }}) as value_events
        on lines.event_key = value_events.event_key

),

orders as (

    {{ orders_as_of() }}

),

-- A line of an order is owed to the last click on its product.
owed_lines as (

    select
        clicks.event_key,
        clicks.line_number,
        order_lines.line_revenue,
    from clicks
    inner join orders
        on clicks.visitor_id = orders.visitor_id
        and clicks.clicked_at <= orders.event_ts
        and clicks.ends_at > orders.event_ts
    inner join order_lines
        on orders.order_key = order_lines.order_key
        and clicks.product_id = order_lines.product_id
    where not orders.is_bot
    qualify row_number() over (
            partition by order_lines.order_key, order_lines.event_key, order_lines.line_number
            order by clicks.clicked_at desc, clicks.event_key, clicks.line_number
        ) = 1

),

revenues as (

    select
        event_key,
        line_number,
        sum(line_revenue) as revenue,
    from owed_lines
    group by event_key, line_number

),

category_days as (

    select
        visitor_id,
        event_date,
        category,
        sum({{ category_weight('interaction') }}) as weight,
    from ({{ bots_as_of(ref('fct_product_interactions')) }}) as interactions
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and interaction in ('product_view', 'cart_add', 'order')
        and category is not null
        and visitor_id in (select visitor_id from shown where is_known)
        and not is_bot
    group by visitor_id, event_date, category

),

shown_days as (

    select distinct
        visitor_id,
        event_date,
    from shown
    where is_known

),

categories_before as (

    select
        shown_days.visitor_id,
        shown_days.event_date,
        category_days.category,
        sum(category_days.weight) as weight,
    from shown_days
    inner join category_days
        on shown_days.visitor_id = category_days.visitor_id
        and shown_days.event_date > category_days.event_date
    group by shown_days.visitor_id, shown_days.event_date, category_days.category

),

favourites as (

    select
        visitor_id,
        event_date,
        category,
    from categories_before
    qualify row_number() over (
            partition by visitor_id, event_date order by weight desc, category
        ) = 1

),

known as (

    select
        shown.visitor_id,
        shown.list_id,
        cast(shown.slate_number as bigint) as slate_number,
        shown.position,
        shown.event_date,
        shown.product_id,
        shown.propensity,
        shown.logged_by,
        favourites.category as favourite_category,
        clicks.clicked_at is not null as is_clicked,
        cast(coalesce(revenues.revenue, 0) as double) as revenue,
        cast(1 as bigint) as impressions,
    from shown
    left join clicks
        on shown.event_key = clicks.event_key
        and shown.line_number = clicks.line_number
    left join revenues
        on shown.event_key = revenues.event_key
        and shown.line_number = revenues.line_number
    left join favourites
        on shown.visitor_id = favourites.visitor_id
        and shown.event_date = favourites.event_date
    where shown.is_known

),

unknown as (

    select
        list_id,
        min(event_date) as event_date,
        count(*) as impressions,
    from shown
    where not is_known
    group by list_id

),

final as (

    select
        *,
        {{ var('bandit_reward_days') }} as reward_days,
    from (
        select * from known
        union all by name
        select * from unknown
    ) as both_kinds

)

select * from final
