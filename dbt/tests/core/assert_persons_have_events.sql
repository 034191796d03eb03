{{ config(meta={'dagster': {'ref': {'name': 'dim_persons'}}}) }}

-- A touched person stands once in dim_persons if any event is the person's and the person was not
-- erased, and not at all otherwise.
with

touched as (

    select person_id from {{ ref('int_touched_subjects') }}

),

totals as (

    select
        person_id,
        sum(all_event_count) as event_count,
    from {{ ref('int_person_totals') }}
    where person_id in (select person_id from touched)
        and person_id not in (select person_id from {{ ref('int_erased_persons') }})
    group by person_id

),

persons as (

    select
        person_id,
        count(*) as row_count,
        sum(event_count) as event_count,
        bool_and(first_seen_at <= last_seen_at and is_known = (user_id is not null)) as is_sound,
    from {{ ref('dim_persons') }}
    where person_id in (select person_id from touched)
    group by person_id

),

final as (

    select
        touched.person_id,
        totals.event_count,
        persons.row_count,
    from touched
    left join totals on touched.person_id = totals.person_id
    left join persons on touched.person_id = persons.person_id
    where coalesce(persons.row_count, 0)
        <> case when coalesce(totals.event_count, 0) > 0 then 1 else 0 end
        or coalesce(persons.event_count, 0) <> coalesce(totals.event_count, 0)
        or not coalesce(persons.is_sound, true)

)

select * from final
