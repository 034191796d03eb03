{{ config(meta={'dagster': {'ref': {'name': 'map_user_person'}}}) }}

-- Touched users who share a key are one person, that of its oldest user, and no key is borne by one
-- user alone or by more than the limit.
with

ties as (

    select * from {{ ref('map_user_person') }}
    where person_id in (
            select person_id
            from {{ ref('map_user_person') }}
            where user_id in (select user_id from {{ ref('int_touched_users') }})
        )

),

keys as (

    select
        key_id as found,
        count(*) as user_count,
        count(distinct person_id) as person_count,
    from ties
    group by key_id

),

persons as (

    select
        person_id as found,
        count(distinct user_id) filter (where is_oldest) as oldest_count,
        bool_and(not is_oldest or person_id = {{ user_person_id('user_id') }}) as is_named_by_it,
    from ties
    group by person_id

),

final as (

    select found from keys
    where person_count <> 1 or user_count not between 2 and {{ var('shared_key_users') }}
    union all
    select found from persons
    where oldest_count <> 1 or not is_named_by_it

)

select * from final
