{{
    config(
        materialized='replace_touched',
        replace_key=['user_id'],
        touched=['int_touched_users'],
    )
}}

with

ties as (

    select * from {{ ref('int_ties_found') }}

),

oldest as (

    {{ oldest_users('ties') }}

),

final as (

    select
        user_id,
        oldest_user_id,
        {{ user_person_id('oldest_user_id') }} as person_id,
    from oldest

)

select * from final
