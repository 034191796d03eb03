{{ config(pre_hook="{{ select_log_files() }}") }}

-- Every copy of every event that has one in the work set, or whose visitor turns out to be a
-- machine by it, ranked by arrival. Few events have more than one copy, so only the keys of all are
-- looked at together; the wide rows pass by once.
with

log_rows as (

    select * from {{ ref('stg_events') }}

),

keys as (

    select
        event_key,
        event_date,
    from log_rows
    union
    select
        event_key,
        event_date,
    from {{ ref('int_newly_fast_events') }}

),

-- A stored row of the work set is in the log as well.
stored_winners as (

    select * exclude (session_id, is_declared_bot) replace (is_declared_bot as is_bot)
    from {{ state('fct_events') }}
    where event_key in (select event_key from keys)
        and event_date in (select distinct event_date from keys)
        and arrival_date not in (select arrival_date from {{ ref('int_work_set') }})

),

-- A kill between the two tables leaves a row that lost its place in both.
stored_losers as (

    select * exclude (is_conflict)
    from {{ state('fct_event_duplicates') }}
    where event_key in (select event_key from keys)
        and event_date in (select distinct event_date from keys)
        and arrival_date not in (select arrival_date from {{ ref('int_work_set') }})
        and (event_key, arrival_date, source_file, source_line) not in (
            select (event_key, arrival_date, source_file, source_line) from stored_winners
        )

),

copies as (

    select * from log_rows
    union all by name
    select * from stored_winners
    union all by name
    select * from stored_losers

),

places as (

    select
        event_key,
        arrival_date,
        source_file,
        source_line,
    from copies

),

repeated as (

    select event_key from places
    group by event_key
    having count(*) > 1

),

ranked as (

    select
        *,
        row_number() over (
            partition by event_key order by arrival_date, source_file, source_line
        ) as copy_number,
    from places
    where event_key in (select event_key from repeated)

),

fast as (

    select
        visitor_id,
        event_date,
    from {{ ref('int_fast_visitor_days') }}
    where event_date in (select distinct event_date from keys)

),

final as (

    select
        copies.* exclude (is_bot),
        copies.is_bot as is_declared_bot,
        copies.is_bot or fast.visitor_id is not null as is_bot,
        coalesce(ranked.copy_number, 1) as copy_number,
    from copies
    left join ranked
        on copies.event_key = ranked.event_key
        and copies.arrival_date = ranked.arrival_date
        and copies.source_file = ranked.source_file
        and copies.source_line = ranked.source_line
    left join fast
        on copies.visitor_id = fast.visitor_id
        and copies.event_date = fast.event_date

)

select * from final
