-- The orders whose path or value may be another now, with the dates that they have and had: those
-- made again, and those of touched persons within reach of what they did.
with

copies as (

    select
        {{ order_key('source', 'order_id', 'event_key') }} as order_key,
        report_date,
    from {{ ref('int_event_copies') }}
    where role = 'order'

),

remade as (

    select
        order_key,
        report_date,
    from {{ ref('int_order_events') }}
    where role = 'order'
        and order_key in (select order_key from {{ ref('int_remade_orders') }})
        and report_date in (select report_date from {{ ref('int_touched_dates') }})

),

reached as (

    select distinct
        person_id,
        {{ dates_after('report_date') }} as report_date,
    from {{ ref('int_touched_persons') }}

),

ordering_days as (

    select
        visitor_id,
        report_date,
    from {{ ref('int_person_days') }}
    where (person_id, report_date) in (select person_id, report_date from reached)
        and report_date in (select distinct report_date from reached)
        and order_count > 0

),

of_persons as (

    select
        order_key,
        report_date,
    from {{ ref('fct_orders') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from ordering_days)
        and report_date in (select distinct report_date from ordering_days)

),

final as (

    select * from copies
    union
    select * from remade
    union
    select * from of_persons

)

select * from final
