with

log_rows as (

    select * from {{ ref('stg_events') }}

),

keys as (

    select distinct
        event_key,
        event_date,
    from log_rows

),

stored_winners as (

    select * exclude (session_id)
    from {{ state('fct_events') }}
    where event_key in (select event_key from keys)
        and event_date in (select distinct event_date from keys)

),

stored_losers as (

    select * exclude (is_conflict)
    from {{ state('fct_event_duplicates') }}
    where event_key in (select event_key from keys)
        and event_date in (select distinct event_date from keys)

),

-- A stored row of the work set is in the log as well: one of each stays.
copies as (

    select * from log_rows
    union all by name
    select * from stored_winners
    where arrival_date not in (select arrival_date from {{ ref('int_work_set') }})
    union all by name
    select * from stored_losers
    where arrival_date not in (select arrival_date from {{ ref('int_work_set') }})

),

-- A kill between the two tables leaves a row that lost its place in both.
distinct_copies as (

    select * from copies
    qualify row_number() over (
            partition by event_key, arrival_date, source_file, source_line order by content_hash
        ) = 1

),

final as (

    select
        *,
        row_number() over (
            partition by event_key order by arrival_date, source_file, source_line
        ) as copy_number,
        first_value(content_hash) over (
            partition by event_key order by arrival_date, source_file, source_line
        ) <> content_hash as is_conflict,
    from distinct_copies

)

select * from final
