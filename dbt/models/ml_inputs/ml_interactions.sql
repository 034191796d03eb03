-- What people did with products, as it was known on the arrival date `as_of_date` (law 4): the facts' own columns
-- and the identity made from the evidence that had arrived by then.
with

interactions as (

    select
        visitor_id,
        user_id,
        product_id,
        case interaction
            when 'product_view' then 'view'
            when 'cart_add' then 'add'
            when 'order' then 'order'
            when 'wishlist_add' then 'wishlist'
            when 'product_click' then 'click'
            when 'click' then 'click'
        end as interaction,
        event_date,
        event_ts,
    from {{ ref('fct_product_interactions') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and event_date between cast(getvariable('window_from') as date) and cast(getvariable('as_of_date') as date)
        and visitor_id is not null
        and interaction in ('product_view', 'cart_add', 'order', 'wishlist_add', 'product_click', 'click')
        and not is_bot

),

visitors as (

    select distinct
        visitor_id,
        false as is_user_visitor,
        cast(null as varchar) as user_id,
    from interactions
    where user_id is null

),

evidence as (

    select * from {{ ref('int_identity_evidence') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and visitor_id in (select visitor_id from visitors)

),

map as (

    {{ visitor_ties('evidence', 'visitors') }}

),

labelled as (

    select
        case
            when interactions.user_id is not null
                then {{ user_person_id('interactions.user_id') }}
            else map.person_id
        end as person_id,
        interactions.product_id,
        interactions.interaction,
        interactions.event_date,
    from interactions
    left join map
        on interactions.visitor_id = map.visitor_id
        and interactions.event_ts >= map.valid_from
        and interactions.event_ts < map.valid_to

),

final as (

    select
        person_id,
        product_id,
        interaction,
        event_date,
        count(*) as n,
    from labelled
    group by person_id, product_id, interaction, event_date

)

select * from final
