{{ config(materialized='scratch', schema='intermediate', contract={'enforced': false}) }}

-- A copy that loses or wins changes the counts of its own arrival date, whichever that was.
with

final as (

    select arrival_date from {{ ref('int_event_copies') }}
    union
    select arrival_date from {{ ref('int_work_set') }}

)

select * from final
