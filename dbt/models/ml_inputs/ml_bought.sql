-- What each person had bought before the window, as it was known on the arrival date
-- `as_of_date`: a fridge that was bought a year ago is not recommended today. What was bought
-- since is in `ml_interactions`.
with

bought as (

    select
        visitor_id,
        user_id,
        product_id,
        event_ts,
    from ({{ bots_as_of(ref('fct_product_interactions')) }}) as interactions
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and event_date < cast(getvariable('window_from') as date)
        and interaction = 'order'
        and visitor_id is not null
        and not is_bot

),

labelled as (

    {{ persons_as_of('bought') }}

),

final as (

    select distinct
        person_id,
        product_id,
    from labelled

)

select * from final
