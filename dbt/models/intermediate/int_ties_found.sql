-- What ties the touched users to others, as it is now.
with

of_users as (

    select * from {{ ref('int_key_evidence') }}
    where user_id in (select user_id from {{ ref('int_touched_users') }})

),

of_keys as (

    select
        key_id,
        user_id,
    from {{ ref('int_key_evidence') }}
    where key_id in (select key_id from of_users)

),

final as (

    {{ usable_ties('of_users', 'of_keys') }}

)

select * from final
