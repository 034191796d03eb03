-- Who was here on which date since `window_from`, from which country and on which kind of device,
-- as it was known on the arrival date `as_of_date`: the person of the last event of a visitor and
-- user id on the date. Persons of like country and device are a segment, whose popularity is served
-- to those without a history.
with

seen as (

    select
        visitor_id,
        user_id,
        event_date,
        max(event_ts) as event_ts,
        max({{ event_order() }}) as event_order,
        arg_max(country, {{ event_order() }}) filter (where country is not null) as country,
        arg_max(device_type, {{ event_order() }}) filter (where device_type is not null)
            as device_type,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and is_sessionable
        and not is_bot
    group by visitor_id, user_id, event_date

),

labelled as (

    {{ persons_as_of('seen') }}

),

person_days as (

    select
        person_id,
        event_date,
        arg_max(country, event_order) filter (where country is not null) as country,
        arg_max(device_type, event_order) filter (where device_type is not null) as device_type,
    from labelled
    group by person_id, event_date

),

final as (

    select
        person_days.person_id,
        person_days.event_date,
        names.country_name as country,
        person_days.device_type,
    from person_days
    -- One row a way to write a country: no row comes twice.
    left join {{ ref('dim_countries') }} as names on person_days.country = names.country

)

select * from final
