-- The report dates whose marts may be others now.
with

visitors as (

    select distinct visitor_id from {{ ref('int_touched_points') }}

),

visitor_sessions as (

    select
        sessions.visitor_id,
        sessions.report_date,
        sessions.started_at,
        remade.session_id is not null as is_remade,
    from {{ ref('fct_sessions') }} as sessions
    left join {{ ref('int_sessions_remade') }} as remade on sessions.session_id = remade.session_id
    where sessions.visitor_id in (select visitor_id from visitors)

),

-- Who is new may flip: for the visitor's first session now, and for the first that was there before.
flips as (

    select arg_min(report_date, started_at) as report_date
    from visitor_sessions
    group by visitor_id
    union
    select arg_min(report_date, started_at) as report_date
    from visitor_sessions
    where not is_remade
    group by visitor_id

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
