{{ config(materialized='accumulate') }}

-- Rows of the erasure register that no finished run has taken up, and such as have left it. An
-- outbox: once `int_erased_identifiers` follows the register, nobody could tell any more.
with

register as (

    select distinct
        coalesce({{ user_person_id('user_id') }}, {{ visitor_person_id('visitor_id') }})
            as identifier_id,
        visitor_id,
        user_id,
    from {{ source('inputs', 'erasures') }}
    where coalesce(user_id, visitor_id) is not null

),

taken_up as (

    select * from {{ state('int_erased_identifiers') }}

),

final as (

    select * from register
    where identifier_id not in (select identifier_id from taken_up)
    union all
    select * from taken_up
    where identifier_id not in (select identifier_id from register)

)

select * from final
