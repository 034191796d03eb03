{{ config(meta={'dagster': {'ref': {'name': 'map_visitor_person'}}}) }}

-- All intervals of an erased visitor say so, no interval that says so names its evidence, and no
-- erased person is left among persons and ties.
with

erased_visitors as (

    select visitor_id from {{ ref('int_erased_identifiers') }}
    where visitor_id is not null

),

erased_persons as (

    select person_id from {{ ref('int_erased_persons') }}

),

final as (

    select visitor_id as found
    from {{ ref('map_visitor_person') }}
    where (visitor_id in (select visitor_id from erased_visitors) and not is_erased)
        or (is_erased and evidence_event_key is not null)
    union all
    select person_id as found
    from {{ ref('dim_persons') }}
    where person_id in (select person_id from erased_persons)
    union all
    select person_id as found
    from {{ ref('map_user_person') }}
    where person_id in (select person_id from erased_persons)

)

select * from final
