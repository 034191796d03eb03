-- The dates on which other things may bear on a rule than before, by every copy of the run's
-- events: one that lost its place said something else of somebody else. What a cart comes to may
-- hang on any event of the carts that are made again.
with

rules as (

    select
        rule,
        condition,
    from {{ ref('int_triggers') }}

),

copies as (

    select
        visitor_id,
        event_date,
        role,
    from {{ ref('int_event_copies') }}
    where visitor_id is not null

),

of_products as (

    select
        rules.rule,
        copies.visitor_id,
        copies.event_date,
    from copies
    cross join rules
    where copies.role in ('product_view', 'review')
        and rules.condition in ('products_viewed', 'negative_review')

),

of_carts as (

    select
        visitor_id,
        event_date,
    from copies
    where role in ({{ cart_roles() }})
    union
    select
        visitor_id,
        event_date,
    from {{ ref('int_cart_actions_remade') }}
    where visitor_id is not null

),

final as (

    select * from of_products
    union
    select
        rules.rule,
        of_carts.visitor_id,
        of_carts.event_date,
    from of_carts
    cross join rules
    where rules.condition = 'idle_cart'

)

select * from final
