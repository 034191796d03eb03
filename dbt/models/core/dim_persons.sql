{{ config(replace_key=['person_id'], touched=['int_touched_subjects']) }}

with

totals as (

    select * from {{ ref('int_person_totals') }}
    where person_id in (select person_id from {{ ref('int_touched_subjects') }})
        and person_id not in (select person_id from {{ ref('int_erased_persons') }})
        and all_event_count > 0

),

final as (

    select
        person_id,
        user_id,
        user_id is not null as is_known,
        event_count = 0 as is_bot,
        all_event_count as event_count,
        all_visitor_count as visitor_count,
        user_count,
        all_first_seen_at as first_seen_at,
        all_last_seen_at as last_seen_at,
    from totals

)

select * from final
