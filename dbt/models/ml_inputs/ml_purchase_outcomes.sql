-- Who ordered in the days up to the arrival date `as_of_date`, as it was known then, by every name
-- that a prediction made before these days may have for the person: a visitor who has logged in
-- since was nobody's visitor then, and an account may since be one with an older one.
with

visitor_days as (

    select
        visitor_id,
        user_id,
        event_date,
        max(event_ts) as event_ts,
        count(*) filter (where role = 'order') as orders,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('as_of_date') as date)
            - ({{ var('purchase_days') }} + 30)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and not is_bot
    group by visitor_id, user_id, event_date

),

labelled as (

    {{ persons_as_of('visitor_days') }}

),

buyers as (

    select distinct person_id
    from labelled
    where orders > 0
        and event_date > cast(getvariable('as_of_date') as date) - {{ var('purchase_days') }}

),

names as (

    select
        unnest([
            person_id,
            case
                when user_id is null then {{ visitor_person_id('visitor_id') }}
                else {{ user_person_id('user_id') }}
            end,
        ]) as person_id,
    from labelled
    where person_id in (select person_id from buyers)

),

final as (

    select distinct
        {{ var('purchase_days') }} as horizon_days,
        person_id,
    from names

)

select * from final
