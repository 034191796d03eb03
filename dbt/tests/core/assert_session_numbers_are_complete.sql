{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}

-- The sessions of a touched visitor are numbered 1, 2, … in order, and the first alone
-- is a new visitor's.
with

sessions as (

    select
        session_id,
        visitor_id,
        session_number,
        is_new_visitor,
        row_number() over (partition by visitor_id order by started_at, session_id)
            as expected_number,
    from {{ ref('fct_sessions') }}
    where visitor_id in (select visitor_id from {{ ref('int_touched_points') }})

),

final as (

    select * from sessions
    where session_number <> expected_number
        or is_new_visitor <> (session_number = 1)

)

select * from final
