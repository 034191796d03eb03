-- Who was here since `window_from`, as it was known on the arrival date `as_of_date`: the person of
-- the last event of each visitor and user id.
with

last_seen as (

    select
        visitor_id,
        user_id,
        max(event_ts) as event_ts,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and is_sessionable
        and not is_bot
    group by visitor_id, user_id

),

labelled as (

    {{ persons_as_of('last_seen') }}

),

final as (

    select distinct person_id
    from labelled

)

select * from final
