{{ config(meta={'dagster': {'ref': {'name': 'fct_searches'}}}) }}

-- Each touched search stands once, and a session's searches lead to no more orders than the
-- session has, its bots' orders apart.
with

remade as (

    select
        event_key,
        event_date,
        session_id,
    from {{ ref('int_events_remade') }}
    where role = 'search'

),

searches as (

    select
        event_key,
        session_id,
        orders,
    from {{ ref('fct_searches') }}
    where event_key in (select event_key from remade)
        and event_date in (select distinct event_date from remade)

),

by_session as (

    select
        session_id,
        sum(orders) as orders,
    from searches
    where session_id is not null
    group by session_id

),

sessions as (

    select
        session_id,
        orders,
    from {{ ref('int_sessions_remade') }}

),

final as (

    select remade.event_key
    from remade
    left join searches on remade.event_key = searches.event_key
    group by remade.event_key
    having count(searches.event_key) <> 1
    union all
    select by_session.session_id
    from by_session
    left join sessions on by_session.session_id = sessions.session_id
    where by_session.orders > coalesce(sessions.orders, 0)

)

select * from final
