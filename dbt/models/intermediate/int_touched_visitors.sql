-- Visitors of any copy, of users who are another person now, and of erased identifiers. Those of
-- copies that lost may have no event any more.
with

copies as (

    select
        visitor_id,
        is_user_visitor,
        user_id,
        copy_number,
    from {{ ref('int_event_copies') }}
    where visitor_id is not null

),

identifiers as (

    select * from {{ ref('int_touched_identifiers') }}

),

users as (

    select user_id from {{ ref('int_relabelled_users') }}
    union
    select user_id from identifiers
    where user_id is not null

),

-- Who shows a user has an event.
shown as (

    select visitor_id
    from {{ ref('int_identity_evidence') }}
    where user_id in (select user_id from users)

),

-- A user is a visitor itself where some event bears its id alone. The stored map knows, unless a
-- copy of this run says something else.
themselves as (

    select
        {{ hash_of(["'user'", "user_id"]) }} as visitor_id,
        user_id,
    from users
    where {{ hash_of(["'user'", "user_id"]) }} in (
            select visitor_id from {{ state('map_visitor_person') }}
        )
        and {{ hash_of(["'user'", "user_id"]) }} not in (select visitor_id from copies)

),

candidates as (

    select
        visitor_id,
        is_user_visitor,
        case when is_user_visitor then user_id end as user_id,
        copy_number = 1 as has_winner,
    from copies
    union all
    select
        visitor_id,
        false as is_user_visitor,
        cast(null as varchar) as user_id,
        true as has_winner,
    from shown
    union all
    select
        visitor_id,
        true as is_user_visitor,
        user_id,
        true as has_winner,
    from themselves
    union all
    select
        visitor_id,
        false as is_user_visitor,
        cast(null as varchar) as user_id,
        false as has_winner,
    from identifiers
    where visitor_id is not null

),

visitors as (

    select
        visitor_id,
        bool_or(is_user_visitor) as is_user_visitor,
        max(user_id) as user_id,
        bool_or(has_winner) as has_winner,
    from candidates
    group by visitor_id

),

doubtful as (

    select visitor_id from visitors
    where not has_winner

),

found as (

    select
        visitor_id,
        bool_or(is_user_visitor) as is_user_visitor,
        max(user_id) filter (where is_user_visitor) as user_id,
    from {{ ref('fct_events') }}
    where visitor_id in (select visitor_id from doubtful)
    group by visitor_id

),

final as (

    select
        visitors.visitor_id,
        visitors.is_user_visitor or coalesce(found.is_user_visitor, false) as is_user_visitor,
        coalesce(visitors.user_id, found.user_id) as user_id,
        visitors.has_winner or found.visitor_id is not null as exists_now,
    from visitors
    left join found on visitors.visitor_id = found.visitor_id

)

select * from final
