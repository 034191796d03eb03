{{
    config(
        materialized='replace_touched',
        replace_key=['person_id'],
        touched=['int_touched_persons'],
    )
}}

-- Whose dates move goes into its outbox first.
-- depends_on: {{ ref('int_moved_persons') }}
with

final as (

    select * from {{ ref('int_person_beginnings') }}

)

select * from final
