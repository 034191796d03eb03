{{ config(meta={'dagster': {'ref': {'name': 'fct_auth_events'}}}) }}

-- Each touched winner that is about signing in stands once, and nothing else does.
with

copies as (

    select
        event_key,
        event_date,
        role in ('login', 'login_failed', 'logout', 'password_change') and copy_number = 1
            as is_auth_event,
    from {{ ref('int_event_copies') }}

),

auth_events as (

    select event_key from {{ ref('fct_auth_events') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)

),

expected as (

    select event_key from copies
    where is_auth_event

),

final as (

    select coalesce(expected.event_key, auth_events.event_key) as event_key
    from expected
    full join auth_events on expected.event_key = auth_events.event_key
    group by coalesce(expected.event_key, auth_events.event_key)
    having count(*) > 1 or count(expected.event_key) <> count(auth_events.event_key)

)

select * from final
