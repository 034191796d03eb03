{{ config(meta={'dagster': {'ref': {'name': 'fct_events'}}}) }}

-- Each touched event stands once in fct_events, as its first copy, and all other
-- copies are duplicates.
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

repeated as (

    select event_key from copies
    group by event_key
    having count(*) > 1

),

-- Most events have one copy, which needs no ranking.
expected as (

    select
        event_key,
        1 as copy_count,
        1 as place_count,
        arrival_date,
        source_file,
        source_line,
    from copies
    where event_key not in (select event_key from repeated)
    union all
    select
        event_key,
        count(*) as copy_count,
        count(distinct row(arrival_date, source_file, source_line)) as place_count,
        min(row(arrival_date, source_file, source_line))[1] as arrival_date,
        min(row(arrival_date, source_file, source_line))[2] as source_file,
        min(row(arrival_date, source_file, source_line))[3] as source_line,
    from copies
    where event_key in (select event_key from repeated)
    group by event_key

),

winners as (

    select
        event_key,
        count(*) as row_count,
        any_value(arrival_date) as arrival_date,
        any_value(source_file) as source_file,
        any_value(source_line) as source_line,
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
        or winners.arrival_date <> expected.arrival_date
        or winners.source_file <> expected.source_file
        or winners.source_line <> expected.source_line
        or expected.place_count <> expected.copy_count
        or 1 + coalesce(losers.row_count, 0) <> expected.copy_count

)

select * from final
