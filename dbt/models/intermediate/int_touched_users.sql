{{ config(materialized='accumulate') }}

-- Users whose ties may be others now, with the person that each was. An outbox: once
-- `int_users_tied` follows, nobody could tell any more who was relabelled.
-- What can change a tie is in three places: a copy (its user, its key), the number of users of a
-- key on a copy, the number of keys of a user on a copy. Whoever bears a key of those is looked at,
-- with all that they were tied to before.
with

named as (

    select user_id from {{ ref('int_key_copies') }}
    union
    select user_id from {{ ref('int_touched_identifiers') }}
    where user_id is not null

),

keys as (

    select key_id from {{ ref('int_key_copies') }}
    union
    select key_id
    from {{ ref('int_key_evidence') }}
    where user_id in (select user_id from named)

),

reached as (

    select user_id from named
    union
    select user_id
    from {{ ref('int_key_evidence') }}
    where key_id in (select key_id from keys)

),

stored as (

    select * from {{ state('int_users_tied') }}

),

fellows as (

    select user_id
    from stored
    where person_id in (
            select before.person_id
            from stored as before
            where before.user_id in (select user_id from reached)
        )

),

touched as (

    select user_id from reached
    union
    select user_id from fellows

),

final as (

    select
        touched.user_id,
        {{ person_of_user('touched.user_id', 'stored') }} as person_id,
    from touched
    left join stored on touched.user_id = stored.user_id

)

select * from final
