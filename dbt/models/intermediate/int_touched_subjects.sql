-- Persons whose row may be another now, be it by what they did or by an erasure.
with

identifiers as (

    select * from {{ ref('int_touched_identifiers') }}

),

final as (

    select person_id from {{ ref('int_touched_persons') }}
    union
    select
        case
            when identifiers.user_id is null then identifiers.identifier_id
            else coalesce(tied.person_id, identifiers.identifier_id)
        end as person_id
    from identifiers
    left join {{ ref('int_users_tied') }} as tied on identifiers.user_id = tied.user_id

)

select * from final
