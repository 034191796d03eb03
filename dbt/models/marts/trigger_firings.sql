{{ config(materialized='made_view') }}

-- A view: a person, a budget's cut and what is suggested may move without the visitor's doing, and
-- firings are few.
with

rules as (

    select
        rule,
        condition,
        category,
        response,
        suggest,
        suggested_category,
        discount_min_pct,
        discount_max_pct,
        daily_budget,
        holdout_share,
    from {{ source('inputs', 'triggers') }}

),

as_of as (

    select max(arrival_date) + 1 as ends_at
    from {{ source('inputs', 'log_days') }}
    where is_closed

),

firings as (

    select * from {{ ref_beside('int_trigger_firings') }}

),

-- That a cart was left alone is known once the time has passed.
known as (

    select firings.*
    from firings
    inner join rules on firings.rule = rules.rule
    cross join as_of
    where rules.condition <> 'idle_cart'
        or firings.fired_at < as_of.ends_at

),

-- The cool-down counts from what is over the budget too: else a day's firing of one visitor could
-- move those of all others on every later day.
within_budget as (

    select
        known.*,
        rules.* exclude (rule),
    from known
    inner join rules on known.rule = rules.rule
    qualify rules.daily_budget is null
        or row_number() over (
            partition by known.rule, known.report_date
            order by known.fired_at, known.firing_id
        ) <= rules.daily_budget

),

of_persons as (

    select
        within_budget.*,
        {{ person_of_act('within_budget', 'tied') }} as person_id,
    from within_budget
    left join {{ ref_beside('int_users_tied') }} as tied on within_budget.user_id = tied.user_id
    left join {{ ref_beside('map_visitor_person') }} as map
        on within_budget.visitor_id = map.visitor_id
        and within_budget.acted_at >= map.valid_from
        and within_budget.acted_at < map.valid_to

),

products as (

    select
        product_id,
        category,
        interaction_count,
    from {{ ref_beside('dim_products') }}

),

recommended as (

    select
        of_persons.firing_id,
        list(recommendations.product_id order by recommendations.rank) as product_ids,
    from of_persons
    inner join {{ ref_beside('recommendations') }} as recommendations
        on of_persons.person_id = recommendations.person_id
        and cast(of_persons.fired_at as date) = recommendations.partition_date
    left join products on recommendations.product_id = products.product_id
    where of_persons.suggest = 'recommended'
        and (
            of_persons.suggested_category is null
            or products.category = of_persons.suggested_category
        )
    group by of_persons.firing_id

),

popular as (

    select
        rules.rule,
        list(
            products.product_id order by products.interaction_count desc, products.product_id
        ) as product_ids,
    from rules
    inner join products
        on rules.suggested_category is null
        or rules.suggested_category = products.category
    where rules.suggest = 'recommended'
    group by rules.rule

),

ratings as (

    select
        rule,
        product_id,
        count(*) as reviews,
        cast(sum(rating) as double) / count(*) as average_rating,
    from {{ ref_beside('int_trigger_events') }}
    where rating is not null
    group by rule, product_id

),

disliked as (

    select
        of_persons.firing_id,
        of_persons.rule,
        max(ratings.average_rating) as average_rating,
    from of_persons
    inner join ratings
        on of_persons.rule = ratings.rule
        and list_contains(of_persons.product_ids, ratings.product_id)
    where of_persons.suggest = 'better_rated'
    group by of_persons.firing_id, of_persons.rule

),

better_rated as (

    select
        disliked.firing_id,
        list(
            ratings.product_id
            order by ratings.average_rating desc, ratings.reviews desc, ratings.product_id
        ) as product_ids,
    from disliked
    inner join ratings
        on disliked.rule = ratings.rule
        and disliked.average_rating < ratings.average_rating
    group by disliked.firing_id

),

final as (

    select
        of_persons.firing_id,
        of_persons.rule,
        of_persons.person_id,
        of_persons.visitor_id,
        of_persons.report_date,
        of_persons.response,
        {{ share_of_hash(["'holdout'", 'of_persons.rule', 'of_persons.visitor_id']) }}
        < of_persons.holdout_share as is_holdout,
        of_persons.discount_min_pct,
        of_persons.discount_max_pct,
        coalesce(
            better_rated.product_ids, recommended.product_ids, popular.product_ids
        )[:{{ var('trigger_suggestions') }}] as suggested_product_ids,
        of_persons.fired_at,
        of_persons.evidence_event_keys,
    from of_persons
    left join recommended on of_persons.firing_id = recommended.firing_id
    left join better_rated on of_persons.firing_id = better_rated.firing_id
    left join popular on of_persons.rule = popular.rule

)

select * from final
