{{ config(replace_key=['user_id'], touched=['int_touched_users']) }}

with

ties as (

    select * from {{ ref('int_ties_found') }}

),

final as (

    select
        ties.user_id,
        ties.key_id,
        tied.person_id,
        ties.tie_kind,
        ties.user_id = tied.oldest_user_id as is_oldest,
        ties.tied_at,
        ties.evidence_event_key,
    from ties
    inner join {{ ref('int_users_tied') }} as tied on ties.user_id = tied.user_id
    where tied.person_id not in (select person_id from {{ ref('int_erased_persons') }})

)

select * from final
