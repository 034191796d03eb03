{{ config(materialized='made_whole') }}

-- Persons all of whose users were erased, or the visitor of whom nothing else is known. As long as
-- the erasure register.
with

identifiers as (

    select * from {{ ref('int_erased_identifiers') }}

),

persons as (

    select distinct
        case
            when identifiers.user_id is null then identifiers.identifier_id
            else coalesce(tied.person_id, identifiers.identifier_id)
        end as person_id,
    from identifiers
    left join {{ ref('int_users_tied') }} as tied on identifiers.user_id = tied.user_id

),

final as (

    select person_id from persons
    where person_id not in (
            select person_id
            from {{ ref('int_users_tied') }}
            where user_id not in (select user_id from identifiers where user_id is not null)
        )

)

select * from final
