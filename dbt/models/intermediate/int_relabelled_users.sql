-- Touched users who are another person than they were before the run, or before a run that died.
with

final as (

    select distinct touched.user_id
    from {{ ref('int_touched_users') }} as touched
    left join {{ ref('int_users_tied') }} as tied on touched.user_id = tied.user_id
    where touched.person_id <> {{ person_of_user('touched.user_id', 'tied') }}

)

select * from final
