{{ config(replace_key=['arrival_date'], touched=['int_touched_arrivals']) }}

-- On which report dates the events of each arrival fell: what a restated number is explained by.
with

dates as (

    select arrival_date from {{ ref('int_touched_arrivals') }}

),

events as (

    select
        arrival_date,
        source,
        source_file,
        source_line,
        report_date,
    from {{ ref('fct_events') }}
    where arrival_date in (select arrival_date from dates)
        and not is_bot

),

replays as (

    select
        arrival_date,
        source_file,
        source_line,
        sequence,
    from {{ source('inputs', 'log_replays') }}
    where arrival_date in (select arrival_date from dates)

),

-- A row is replayed once, so the join does not multiply events.
final as (

    select
        events.arrival_date,
        events.source,
        events.source_file,
        replays.sequence as replay_seal,
        events.report_date,
        count(*) as events,
    from events
    left join replays
        on events.arrival_date = replays.arrival_date
        and events.source_file = replays.source_file
        and events.source_line = replays.source_line
    group by
        events.arrival_date, events.source, events.source_file, replays.sequence,
        events.report_date

)

select * from final
