-- Visitors of any copy; those of copies that lost may have no event any more.
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

visitors as (

    select
        visitor_id,
        bool_or(is_user_visitor) as is_user_visitor,
        max(user_id) filter (where is_user_visitor) as user_id,
        bool_or(copy_number = 1) as has_winner,
    from copies
    group by visitor_id

),

doubtful as (

    select visitor_id from visitors
    where not has_winner

),

found as (

    select distinct visitor_id
    from {{ ref('fct_events') }}
    where visitor_id in (select visitor_id from doubtful)

),

final as (

    select
        visitors.visitor_id,
        visitors.is_user_visitor,
        visitors.user_id,
        visitors.has_winner or found.visitor_id is not null as exists_now,
    from visitors
    left join found on visitors.visitor_id = found.visitor_id

)

select * from final
