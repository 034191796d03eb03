{{ config(replace_key=['arrival_date'], touched=['int_touched_arrivals']) }}

with

dates as (

    select arrival_date from {{ ref('int_touched_arrivals') }}

),

files as (

    select
        arrival_date,
        source,
        sum(read) as rows_read,
        sum(logged) as rows_logged,
        sum(quarantined) as rows_quarantined,
        sum(withheld) as rows_withheld,
    from {{ source('inputs', 'log_files') }}
    where arrival_date in (select arrival_date from dates)
    group by arrival_date, source

),

winners as (

    select
        arrival_date,
        source,
        count(*) filter (where arrival_date > event_date) as late_events,
        count(*) filter (where is_unregistered) as unregistered_events,
        count(*) filter (where visitor_id is null) as events_without_visitor,
        count(*) filter (
            where currency_rate is null and coalesce(price, revenue) is not null
        ) as events_without_rate,
        count(*) filter (where is_declared_bot) as declared_bot_events,
        count(*) filter (where is_bot and not is_declared_bot) as fast_visitor_events,
    from {{ ref('fct_events') }}
    where arrival_date in (select arrival_date from dates)
    group by arrival_date, source

),

losers as (

    select
        arrival_date,
        source,
        count(*) as duplicates,
        count(*) filter (where is_conflict) as conflicts,
    from {{ ref('fct_event_duplicates') }}
    where arrival_date in (select arrival_date from dates)
    group by arrival_date, source

),

final as (

    select
        arrival_date,
        source,
        {% for column in [
            'rows_read', 'rows_logged', 'rows_quarantined', 'rows_withheld', 'duplicates',
            'conflicts', 'late_events', 'unregistered_events', 'events_without_visitor',
            'events_without_rate', 'declared_bot_events', 'fast_visitor_events',
        ] -%}
        cast(coalesce(sum({{ column }}), 0) as bigint) as {{ column }},
        {% endfor -%}
    from (
        select * from files
        union all by name
        select * from winners
        union all by name
        select * from losers
    ) as parts
    group by arrival_date, source

)

select * from final
