-- What persons did in the 30 dates up to a cut, as it was known on the arrival date `as_of_date`,
-- and whether they ordered in the days after it. The last cut is that date itself, whose outcome
-- nobody knows; the others lie a horizon apart before it, so that each outcome is over by then.
with

numbers as (

    select cast(unnest(range({{ var('purchase_cuts') }} + 1)) as integer) as number

),

cuts as (

    select
        cast(getvariable('as_of_date') as date) - number * {{ var('purchase_days') }} as cut_date,
        number > 0 as is_over,
    from numbers

),

visitor_days as (

    select
        visitor_id,
        user_id,
        event_date,
        max(event_ts) as event_ts,
        count(*) filter (where is_sessionable) as events,
        count(*) filter (where role = 'product_view') as product_views,
        count(*) filter (where role = 'cart_add') as cart_adds,
        count(*) filter (where role = 'checkout') as checkouts,
        count(*) filter (where role = 'order') as orders,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('as_of_date') as date)
            - ({{ var('purchase_days') }} * {{ var('purchase_cuts') }} + 30)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and not is_bot
    group by visitor_id, user_id, event_date

),

labelled as (

    {{ persons_as_of('visitor_days') }}

),

person_days as (

    select
        person_id,
        event_date,
        sum(events) as events,
        sum(product_views) as product_views,
        sum(cart_adds) as cart_adds,
        sum(checkouts) as checkouts,
        sum(orders) as orders,
    from labelled
    group by person_id, event_date
    having sum(events) > 0 or sum(orders) > 0

),

-- Only dates up to the cut are joined: no feature can know the outcome.
before as (

    select
        cuts.cut_date,
        cuts.is_over,
        person_days.*,
        cuts.cut_date - person_days.event_date as days_before,
    from cuts
    inner join person_days
        on cuts.cut_date >= person_days.event_date
        and person_days.event_date > cuts.cut_date - 30

),

features as (

    select
        cut_date,
        is_over,
        person_id,
        min(days_before) as days_since_seen,
        count(*) filter (where days_before < 7) as active_days_7,
        count(*) as active_days_30,
        coalesce(sum(product_views) filter (where days_before < 7), 0) as product_views_7,
        sum(product_views) as product_views_30,
        coalesce(sum(cart_adds) filter (where days_before < 7), 0) as cart_adds_7,
        sum(cart_adds) as cart_adds_30,
        sum(checkouts) as checkouts_30,
        coalesce(min(days_before) filter (where cart_adds > 0), 30) as days_since_cart_add,
        count(*) filter (where orders > 0) as order_days_30,
        coalesce(min(days_before) filter (where orders > 0), 30) as days_since_order,
    from before
    group by cut_date, is_over, person_id

),

outcomes as (

    select distinct
        cuts.cut_date,
        person_days.person_id,
    from cuts
    inner join person_days
        on cuts.cut_date < person_days.event_date
        and person_days.event_date <= cuts.cut_date + {{ var('purchase_days') }}
    where cuts.is_over
        and person_days.orders > 0

),

final as (

    select
        features.cut_date,
        features.person_id,
        {{ var('purchase_days') }} as horizon_days,
        features.days_since_seen,
        features.active_days_7,
        features.active_days_30,
        cast(features.product_views_7 as bigint) as product_views_7,
        cast(features.product_views_30 as bigint) as product_views_30,
        cast(features.cart_adds_7 as bigint) as cart_adds_7,
        cast(features.cart_adds_30 as bigint) as cart_adds_30,
        cast(features.checkouts_30 as bigint) as checkouts_30,
        features.days_since_cart_add,
        features.order_days_30,
        features.days_since_order,
        case when features.is_over then outcomes.person_id is not null end as ordered,
    from features
    left join outcomes
        on features.cut_date = outcomes.cut_date
        and features.person_id = outcomes.person_id

)

select * from final
