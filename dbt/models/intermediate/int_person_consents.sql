{{
    config(
        materialized='replace_touched',
        replace_key=['visitor_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_visitor_days'],
    )
}}

-- What each visitor answered on a report date, by the person it counts for.
with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

events as (

    select
        event_key,
        event_ts,
        visitor_id,
        user_id,
        report_date,
        {{ event_order() }} as statement_order,
        case when json_valid(consent) then consent end as stated,
    from {{ ref('fct_events') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
        and role = 'consent'
        and not is_bot

),

statements as (

    select
        *,
        json_type(stated) as kind,
    from events
    where json_type(stated) <> 'NULL'

),

answers as (

    {{ consent_answers('statements') }}

),

labelled as (

    {{ acts_of_persons('statements', 'event_ts') }}

),

final as (

    select
        labelled.visitor_id,
        labelled.report_date,
        labelled.person_id,
        labelled.event_key,
        labelled.statement_order,
        answers.purpose,
        labelled.kind = 'ARRAY' as is_whole,
        answers.is_granted,
    from labelled
    left join answers on labelled.event_key = answers.event_key
    where answers.event_key is not null or labelled.kind = 'ARRAY'

)

select * from final
