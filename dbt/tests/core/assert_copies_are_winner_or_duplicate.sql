{{ config(meta={'dagster': {'ref': {'name': 'fct_events'}}}) }}

-- Each touched event stands once in fct_events, as its first copy, and all other copies are duplicates.
with

copies as (

    select
        event_key,
        event_date,
        arrival_date,
        source_file,
        source_line,
    from {{ ref('int_event_copies') }}

),

expected as (

    select
        event_key,
        count(*) as copy_count,
        count(distinct row(arrival_date, source_file, source_line)) as place_count,
        min((arrival_date, source_file, source_line)) as first_place,
    from copies
    group by event_key

),

winners as (

    select
        event_key,
        count(*) as row_count,
        min((arrival_date, source_file, source_line)) as place,
    from {{ ref('fct_events') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)
    group by event_key

),

losers as (

    select
        event_key,
        count(*) as row_count,
    from {{ ref('fct_event_duplicates') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)
    group by event_key

),

final as (

    select
        expected.event_key,
        expected.copy_count,
        winners.row_count as winner_rows,
        losers.row_count as duplicate_rows,
    from expected
    left join winners on expected.event_key = winners.event_key
    left join losers on expected.event_key = losers.event_key
    where winners.row_count is distinct from 1
        or winners.place is distinct from expected.first_place
        or expected.place_count <> expected.copy_count
        or 1 + coalesce(losers.row_count, 0) <> expected.copy_count

)

select * from final
