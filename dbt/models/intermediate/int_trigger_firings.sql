{{
    config(
        materialized='replace_touched',
        replace_key=['rule', 'visitor_id', 'fired_at'],
        prune_by='report_date',
        touched=['int_touched_firings'],
    )
}}

-- Of the moments of a visitor those that the rule's cool-down lets through: the first, then each
-- time the first that comes a cool-down later. What lies before the first touched date is as it
-- was, and so is the walk up to it.
with recursive

rules as (

    select * from {{ ref('int_triggers') }}

),

starts as (

    select
        touched.rule,
        touched.visitor_id,
        min(touched.event_date) as first_date,
        any_value(rules.cooldown_s) as cooldown_s,
        any_value(rules.cooldown_days) as cooldown_days,
    from {{ ref('int_touched_triggers') }} as touched
    inner join rules on touched.rule = rules.rule
    group by touched.rule, touched.visitor_id

),

moments as (

    select
        moments.*,
        rules.window_s,
        rules.max_rating,
        rules.cooldown_s,
    from {{ ref('int_trigger_moments') }} as moments
    inner join rules on moments.rule = rules.rule

),

followed as (

    select
        *,
        {{ first_after(['rule', 'visitor_id'], 'fired_at', 'cooldown_s') }} as next_at,
    from moments

),

-- Report dates lie a day beside UTC's at most.
kept_dates as (

    select distinct
        cast(unnest(generate_series(
            cast(first_date - cooldown_days - 1 as timestamp),
            cast(first_date + 1 as timestamp),
            interval 1 day
        )) as date) as report_date
    from starts

),

kept as (

    select
        starts.rule,
        starts.visitor_id,
        max(firings.fired_at) as fired_at,
    from {{ state('int_trigger_firings') }} as firings
    inner join starts
        on firings.rule = starts.rule
        and firings.visitor_id = starts.visitor_id
        and firings.fired_at < starts.first_date
    where firings.report_date in (select report_date from kept_dates)
    group by starts.rule, starts.visitor_id

),

first_of_each as (

    select
        followed.rule,
        followed.visitor_id,
        min(followed.fired_at) as fired_at,
    from followed
    inner join starts
        on followed.rule = starts.rule
        and followed.visitor_id = starts.visitor_id
    left join kept
        on followed.rule = kept.rule
        and followed.visitor_id = kept.visitor_id
    where kept.fired_at is null
        or followed.fired_at >= kept.fired_at + to_seconds(starts.cooldown_s)
    group by followed.rule, followed.visitor_id

),

walk as (

    select followed.*
    from followed
    inner join first_of_each
        on followed.rule = first_of_each.rule
        and followed.visitor_id = first_of_each.visitor_id
        and followed.fired_at = first_of_each.fired_at
    union all
    select followed.*
    from walk
    inner join followed
        on walk.rule = followed.rule
        and walk.visitor_id = followed.visitor_id
        and walk.next_at = followed.fired_at

),

evidence_dates as (

    select distinct
        cast(unnest(generate_series(
            cast(cast(fired_at - to_seconds(window_s) as date) as timestamp),
            fired_at,
            interval 1 day
        )) as date) as event_date
    from walk
    where evidence_event_keys is null

),

-- An event of several products has a line for each.
evidence as (

    select
        walk.rule,
        walk.visitor_id,
        walk.fired_at,
        events.event_ts,
        events.event_key,
        list(events.product_id) as product_ids,
    from walk
    inner join {{ ref('int_trigger_events') }} as events
        on walk.rule = events.rule
        and walk.visitor_id = events.visitor_id
        and events.event_ts >= walk.fired_at - to_seconds(walk.window_s)
        and events.event_ts <= walk.fired_at
    where events.event_date in (select event_date from evidence_dates)
        and (walk.max_rating is null or events.rating <= walk.max_rating)
    group by walk.rule, walk.visitor_id, walk.fired_at, events.event_ts, events.event_key

),

told as (

    select
        rule,
        visitor_id,
        fired_at,
        list(event_key order by event_ts, event_key) as event_keys,
        list_sort(list_distinct(flatten(list(product_ids)))) as product_ids,
    from evidence
    group by rule, visitor_id, fired_at

),

final as (

    select
        {{ firing_id('walk.rule', 'walk.visitor_id', 'walk.fired_at') }} as firing_id,
        walk.rule,
        walk.visitor_id,
        walk.user_id,
        walk.report_date,
        walk.acted_at,
        walk.fired_at,
        told.product_ids,
        coalesce(walk.evidence_event_keys, told.event_keys) as evidence_event_keys,
    from walk
    left join told
        on walk.rule = told.rule
        and walk.visitor_id = told.visitor_id
        and walk.fired_at = told.fired_at

)

select * from final
