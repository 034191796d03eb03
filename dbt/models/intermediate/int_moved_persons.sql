{{ config(materialized='accumulate') }}

-- Who has come into a cohort or left one: what they ever did counts for another one now. An outbox:
-- once `int_person_cohorts` has the new dates, nobody could tell any more.
with

beginnings as (

    select
        person_id,
        cohort_type,
        first_date,
    from {{ ref('int_person_beginnings') }}

),

stored as (

    select
        person_id,
        cohort_type,
        first_date,
    from {{ state('int_person_cohorts') }}
    where person_id in (select person_id from {{ ref('int_touched_persons') }})

),

final as (

    select distinct coalesce(beginnings.person_id, stored.person_id) as person_id
    from beginnings
    full join stored
        on beginnings.person_id = stored.person_id
        and beginnings.cohort_type = stored.cohort_type
    where beginnings.first_date is distinct from stored.first_date

)

select * from final
