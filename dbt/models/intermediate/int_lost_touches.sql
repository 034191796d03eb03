{{
    config(
        materialized='replace_touched',
        replace_key=['person_id', 'report_month'],
        prune_by='report_month',
        touched=['int_touched_person_months'],
    )
}}

-- What persons came by in a month and did not order after.
with

touched as (

    select * from {{ ref('int_touched_person_months') }}

),

months as (

    select distinct report_month
    from touched

),

month_dates as (

    {{ dates_of_months('months') }}

),

order_dates as (

    select distinct {{ dates_after('report_date') }} as report_date
    from month_dates

),

persons_days as (

    select
        visitor_id,
        report_date,
        session_count,
        order_count,
    from {{ ref('int_person_days') }}
    where person_id in (select person_id from touched)
        and report_date in (select report_date from order_dates)
        and (session_count > 0 or order_count > 0)

),

visiting_days as (

    select distinct
        visitor_id,
        report_date,
    from persons_days
    where session_count > 0
        and report_date in (select report_date from month_dates)

),

ordering_days as (

    select distinct
        visitor_id,
        report_date,
    from persons_days
    where order_count > 0

),

sessions as (

    select
        session_id,
        visitor_id,
        last_event_user_id as user_id,
        {{ month_of('report_date') }} as report_month,
        channel,
        started_at,
        ended_at,
    from {{ ref('fct_touchpoints') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from visiting_days)
        and report_date in (select distinct report_date from visiting_days)
        and not is_bot

),

persons_sessions as (

    {{ acts_of_persons('sessions', 'ended_at') }}

),

orders as (

    select
        visitor_id,
        user_id,
        ordered_at,
    from {{ ref('fct_orders') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from ordering_days)
        and report_date in (select distinct report_date from ordering_days)
        and not is_bot

),

persons_orders as (

    select
        {{ person_of_act('orders', 'tied') }} as person_id,
        orders.ordered_at,
    from orders
    left join {{ ref('int_users_tied') }} as tied on orders.user_id = tied.user_id
    left join {{ ref('map_visitor_person') }} as map
        on orders.visitor_id = map.visitor_id
        and orders.ordered_at >= map.valid_from
        and orders.ordered_at < map.valid_to

),

ordering_sessions as (

    select session_id
    from {{ ref('fct_orders') }}
    where session_id in (select session_id from sessions)
        and report_date in (select report_date from order_dates)
        and not is_bot

),

in_a_path as (

    select session_id from ordering_sessions
    union
    select persons_sessions.session_id
    from persons_sessions
    inner join persons_orders
        on persons_sessions.person_id = persons_orders.person_id
        and persons_orders.ordered_at - {{ look_back() }} <= persons_sessions.started_at
        and persons_orders.ordered_at >= persons_sessions.started_at

),

visits as (

    select
        person_id,
        report_month,
        session_id,
        channel,
        started_at,
    from persons_sessions
    where (person_id, report_month) in (select person_id, report_month from touched)
        and session_id not in (select session_id from in_a_path)

),

touches as (

    {{ merged_touches('visits', 'person_id, report_month') }}

),

final as (

    select
        person_id,
        report_month,
        position,
        channel,
        session_id,
        session_count,
        touched_at,
    from touches

)

select * from final
