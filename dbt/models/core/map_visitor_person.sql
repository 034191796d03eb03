{{ config(replace_key=['visitor_id'], touched=['int_touched_visitors']) }}

with

visitors as (

    select * from {{ ref('int_touched_visitors') }}
    where exists_now

),

evidence as (

    select * from {{ ref('int_identity_evidence') }}
    where visitor_id in (select visitor_id from visitors)

),

intervals as (

    {{ visitor_ties('evidence', 'visitors') }}

),

erased as (

    select
        visitor_id,
        user_id,
    from {{ ref('int_erased_identifiers') }}

),

labelled as (

    select
        intervals.visitor_id,
        intervals.valid_from,
        intervals.valid_to,
        case
            when intervals.user_id is null then {{ visitor_person_id('intervals.visitor_id') }}
            else {{ person_of_user('intervals.user_id', 'tied') }}
        end as person_id,
        intervals.evidence_event_key,
        intervals.visitor_id in (select visitor_id from erased where visitor_id is not null)
        or coalesce(
            intervals.user_id in (select user_id from erased where user_id is not null), false
        ) as is_erased,
    from intervals
    left join {{ ref('int_users_tied') }} as tied on intervals.user_id = tied.user_id

),

final as (

    select
        * exclude (evidence_event_key),
        case when not is_erased then evidence_event_key end as evidence_event_key,
    from labelled

)

select * from final
