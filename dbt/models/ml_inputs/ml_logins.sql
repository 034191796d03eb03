-- Log-ins known on the arrival date `as_of_date`; those that arrived on it are to be scored.
with

logins as (

    {{ user_events_as_of(['login', 'login_failed']) }}

),

final as (

    select
        logins.event_key,
        {{ person_of_user('logins.user_id', 'tied') }} as person_id,
        logins.event_ts,
        logins.role = 'login' as succeeded,
        logins.country,
        coalesce(logins.device_id, logins.device_type) as device,
        logins.ip_truncated as network,
        -- Lines of a log that were repeated stand in one.
        coalesce(try_cast(logins.properties ->> '$.occurrences' as bigint), 1) as occurrences,
        logins.arrival_date = cast(getvariable('as_of_date') as date) as is_scored,
    from logins
    left join {{ ref('ml_users_tied') }} as tied on logins.user_id = tied.user_id
    order by logins.event_ts, logins.event_key

)

select * from final
