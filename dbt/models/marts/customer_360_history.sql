{{ config(materialized='view') }}

with

changes as (

    select
        person_id,
        attribute,
        publication,
        published_after,
        old_value,
        new_value,
        published_at,
    from {{ source('records', 'customer_changes') }}

)

select * from changes
