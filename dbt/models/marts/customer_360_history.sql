{{ config(materialized='made_view') }}

-- Records come from nowhere in the graph: by its lineage the view is made after what it is the
-- history of, and not before the log is loaded.
-- depends_on: {{ ref('customer_360') }}
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
