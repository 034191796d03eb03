{{ config(meta={'dagster': {'ref': {'name': 'map_visitor_person'}}}) }}

-- The intervals of a touched visitor follow one another from the beginning to the end of time; a
-- visitor that no event has any more has none.
with

touched as (

    select
        visitor_id,
        exists_now,
    from {{ ref('int_touched_visitors') }}

),

intervals as (

    select
        visitor_id,
        person_id,
        valid_from,
        valid_to,
        lag(valid_to) over visitor_intervals as previous_valid_to,
        lead(valid_from) over visitor_intervals as next_valid_from,
    from {{ ref('map_visitor_person') }}
    where visitor_id in (select visitor_id from touched)
    window visitor_intervals as (partition by visitor_id order by valid_from, valid_to)

),

broken as (

    select visitor_id from intervals
    where valid_from >= valid_to
        or person_id is null
        or valid_from <> coalesce(previous_valid_to, timestamp '1900-01-01')
        or valid_to <> coalesce(next_valid_from, timestamp '9999-12-31')

),

final as (

    select visitor_id from broken
    union all
    select visitor_id from touched
    where exists_now <> (visitor_id in (select visitor_id from intervals))

)

select * from final
