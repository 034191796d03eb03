-- Log-ins known on the arrival date `as_of_date`; those that arrived on it are to be scored.
with

final as (

    select
        event_key,
        {{ user_person_id('user_id') }} as person_id,
        event_ts,
        role = 'login' as succeeded,
        country,
        coalesce(device_id, device_type) as device,
        ip_truncated as network,
        arrival_date = cast(getvariable('as_of_date') as date) as is_scored,
    from {{ ref('fct_events') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date) + 1
        )
        and role in ('login', 'login_failed')
        and user_id is not null
    order by event_ts, event_key

)

select * from final
