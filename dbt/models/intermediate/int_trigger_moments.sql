-- The moments at which a rule's condition holds, as far as a firing may be another now: within
-- reach of a touched date, or where one that is made again held others back.
with

rules as (

    select * from {{ ref('int_triggers') }}

),

touched as (

    select * from {{ ref('int_touched_triggers') }}

),

spans as (

    select
        touched.rule,
        touched.visitor_id,
        touched.event_date as first_date,
        rules.reach_days as later_days,
    from touched
    inner join rules on touched.rule = rules.rule
    union
    select
        firings.rule,
        firings.visitor_id,
        cast(firings.fired_at as date) as first_date,
        rules.cooldown_days as later_days,
    from {{ ref('int_touched_firings') }} as firings
    inner join rules on firings.rule = rules.rule

),

dates as (

    select distinct
        rule,
        visitor_id,
        cast(unnest(generate_series(
            cast(first_date as timestamp),
            cast(first_date + later_days as timestamp),
            interval 1 day
        )) as date) as fired_date,
    from spans

),

event_dates as (

    select distinct
        cast(unnest(generate_series(
            cast(dates.fired_date - rules.reach_days as timestamp),
            cast(dates.fired_date as timestamp),
            interval 1 day
        )) as date) as event_date,
    from (select distinct rule, fired_date from dates) as dates
    inner join rules on dates.rule = rules.rule

),

events as (

    select
        events.*,
        rules.window_s,
        rules.product_count,
        rules.condition = 'negative_review' as is_review,
    from {{ ref('int_trigger_events') }} as events
    inner join rules on events.rule = rules.rule
    where events.visitor_id in (select visitor_id from touched)
        and events.event_date in (select event_date from event_dates)
        and (rules.max_rating is null or events.rating <= rules.max_rating)

),

counted as (

    select
        *,
        {{ distinct_within('product_id', ['rule', 'visitor_id'], 'event_ts', 'window_s') }}
            as products_seen,
    from events

),

of_products as (

    select
        rule,
        visitor_id,
        event_ts as acted_at,
        event_ts as fired_at,
        any_value(report_date) as report_date,
        max_by(struct_pack(user_id := user_id), event_key).user_id as user_id,
        cast(null as varchar[]) as evidence_event_keys,
    from counted
    where is_review or products_seen >= product_count
    group by rule, visitor_id, event_ts

),

of_carts as (

    select
        rule,
        visitor_id,
        any_value(acted_at) as acted_at,
        fired_at,
        any_value(report_date) as report_date,
        min_by(struct_pack(user_id := user_id), cart_key).user_id as user_id,
        min_by(evidence_event_keys, cart_key) as evidence_event_keys,
    from {{ ref('int_trigger_carts') }}
    where visitor_id in (select visitor_id from touched)
        and event_date in (select event_date from event_dates)
    group by rule, visitor_id, fired_at

),

final as (

    select * from of_products
    where (rule, visitor_id, cast(fired_at as date)) in (
            select rule, visitor_id, fired_date from dates
        )
    union all
    select * from of_carts
    where (rule, visitor_id, cast(fired_at as date)) in (
            select rule, visitor_id, fired_date from dates
        )

)

select * from final
