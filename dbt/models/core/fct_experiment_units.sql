{{ config(replace_key=['person_id'], touched=['int_touched_persons']) }}

with

persons as (

    select distinct person_id from {{ ref('int_touched_persons') }}

),

days as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_person_days') }}
    where person_id in (select person_id from persons)

),

exposures as (

    select * from {{ ref('fct_experiment_exposures') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from days)
        and report_date in (select distinct report_date from days)
        and not is_bot

),

-- A visitor's day may hold other persons than the touched ones.
labelled as (

    {{ acts_of_persons('exposures', 'event_ts') }}

),

touched as (

    select * from labelled
    where person_id in (select person_id from persons)

),

final as (

    {{ experiment_units('touched') }}

)

select * from final
