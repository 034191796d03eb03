-- The report dates whose marts may be others now.
with

points as (

    select
        visitor_id,
        min(event_ts) as first_touched_at,
    from {{ ref('int_touched_points') }}
    group by visitor_id

),

untouched_sessions as (

    select
        visitor_id,
        min(started_at) as started_at,
        arg_min(report_date, started_at) as report_date,
    from {{ ref('fct_sessions') }}
    where visitor_id in (select visitor_id from points)
        and session_id not in (select session_id from {{ ref('int_sessions_remade') }})
    group by visitor_id

),

-- Who is new may flip: something changed before the first session that was left as it was,
-- which was a visitor's first and is no more, or the other way round. What is remade is on
-- touched days anyway.
flips as (

    select untouched_sessions.report_date
    from untouched_sessions
    inner join points on untouched_sessions.visitor_id = points.visitor_id
    where points.first_touched_at < untouched_sessions.started_at

),

-- Orders without a visitor are on nobody's days, yet on a date.
order_dates as (

    select report_date
    from {{ ref('int_order_events') }}
    where order_key in (select order_key from {{ ref('int_touched_orders') }})

),

final as (

    select report_date from {{ ref('int_event_copies') }}
    union
    select report_date from {{ ref('int_touched_visitor_days') }}
    union
    select report_date from flips
    union
    select report_date from order_dates

)

select * from final
