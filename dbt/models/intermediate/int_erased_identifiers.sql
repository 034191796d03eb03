{{
    config(
        materialized='replace_touched',
        replace_key=['identifier_id'],
        touched=['int_touched_identifiers'],
    )
}}

with

touched as (

    select distinct * from {{ ref('int_touched_identifiers') }}

),

register as (

    select
        visitor_id,
        user_id,
    from {{ source('inputs', 'erasures') }}

),

final as (

    select * from touched
    where user_id in (select user_id from register where user_id is not null)
        or visitor_id in (select visitor_id from register where visitor_id is not null)

)

select * from final
