{{ config(meta={'dagster': {'ref': {'name': 'arrivals_by_report_date'}}}) }}

-- Events by arrival and report date are the distinct events of the arrivals, no bots, once each.
with

counted as (

    select
        arrival_date,
        source,
        sum(events) as events,
    from {{ ref('arrivals_by_report_date') }}
    where arrival_date in (select arrival_date from {{ ref('int_work_set') }})
    group by arrival_date, source

),

facts as (

    select
        arrival_date,
        source,
        count(*) as events,
    from {{ ref('fct_events') }}
    where arrival_date in (select arrival_date from {{ ref('int_work_set') }})
        and not is_bot
    group by arrival_date, source

),

failures as (

    select
        facts.arrival_date,
        facts.source,
        facts.events,
        counted.events as counted_events,
    from facts
    full join counted
        on facts.arrival_date = counted.arrival_date and facts.source = counted.source
    where facts.events is distinct from counted.events

)

select * from failures
