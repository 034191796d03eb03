-- What people did with products, as it was known on the arrival date `as_of_date` (law 4): the
-- facts' own columns and the identity made from the evidence that had arrived by then. In no order:
-- models do not depend on one.
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
    from ({{ bots_as_of(ref('fct_product_interactions')) }}) as interactions
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and interaction in (
            'product_view', 'cart_add', 'order', 'wishlist_add', 'product_click', 'click'
        )
        and not is_bot

),

labelled as (

    {{ persons_as_of('interactions') }}

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
