{{
    config(
        materialized='replace_touched',
        replace_key=['visitor_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_visitor_days'],
    )
}}

-- What was said of each customer on a report date, by the person that it counts for.
with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

statements as (

    select
        event_key,
        event_ts,
        visitor_id,
        user_id,
        report_date,
        {{ event_order() }} as statement_order,
        properties,
    from {{ ref('fct_events') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
        and role = 'profile'
        and not is_bot
        and properties is not null

),

labelled as (

    {{ acts_of_persons('statements', 'event_ts') }}

),

found as (

    select
        visitor_id,
        report_date,
        person_id,
        event_key,
        statement_order,
        unnest({{ crm_attribute_paths('kinds') }}) as attribute,
        unnest(json_extract_string(properties, {{ crm_attribute_paths('paths') }})) as said,
        unnest(json_type(properties, {{ crm_attribute_paths('paths') }})) as json_kind,
    from labelled

),

final as (

    select
        visitor_id,
        report_date,
        person_id,
        event_key,
        statement_order,
        attribute,
        -- Named at several places of one event: any is as good, so the greatest.
        max(nullif(said, '')) as attribute_value,
    from found
    -- A name that comes with no value takes back what was said; longer texts name no group.
    where json_kind not in ('OBJECT', 'ARRAY') and coalesce(length(said), 0) <= 100
    group by visitor_id, report_date, person_id, event_key, statement_order, attribute

)

select * from final
