{{
    config(
        materialized='replace_touched',
        replace_key=['order_key'],
        prune_by='report_date',
        touched=['int_touched_paths'],
    )
}}

-- The path of each order: what its person came by before it.
with

touched as (

    select * from {{ ref('int_touched_paths') }}

),

orders as (

    select
        order_key,
        visitor_id,
        user_id,
        session_id,
        report_date,
        gross_revenue,
        ordered_at,
    from {{ ref('fct_orders') }}
    where order_key in (select order_key from touched)
        and report_date in (select distinct report_date from touched)
        and not is_bot

),

persons_orders as (

    {{ acts_of_persons('orders', 'ordered_at') }}

),

dates as (

    select distinct {{ dates_before('report_date') }} as report_date
    from (select distinct report_date from orders) as order_dates

),

visiting_days as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_person_days') }}
    where person_id in (select person_id from persons_orders)
        and report_date in (select report_date from dates)
        and session_count > 0

),

sessions as (

    select
        session_id,
        visitor_id,
        last_event_user_id as user_id,
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

-- A session is shorter than 24 hours, which may fall on three dates where a clock is set forward.
own_dates as (

    select distinct unnest([report_date - 2, report_date - 1, report_date]) as report_date
    from orders

),

-- The session of the order is another person's where somebody else signs in before it ends.
own_sessions as (

    select
        session_id,
        channel,
        started_at,
    from {{ ref('fct_touchpoints') }}
    where session_id in (select session_id from orders)
        and report_date in (select report_date from own_dates)
        and not is_bot

),

visits as (

    select
        persons_orders.order_key,
        persons_sessions.session_id,
        persons_sessions.channel,
        persons_sessions.started_at,
    from persons_orders
    inner join persons_sessions
        on persons_orders.person_id = persons_sessions.person_id
        and persons_orders.ordered_at - {{ look_back() }} <= persons_sessions.started_at
        and persons_orders.ordered_at >= persons_sessions.started_at
    union
    select
        orders.order_key,
        own_sessions.session_id,
        own_sessions.channel,
        own_sessions.started_at,
    from orders
    inner join own_sessions on orders.session_id = own_sessions.session_id

),

touches as (

    {{ merged_touches('visits', 'order_key') }}

),

final as (

    select
        orders.order_key,
        coalesce(touches.position, 1) as position,
        coalesce(touches.channel, '(not set)') as channel,
        touches.session_id,
        orders.report_date,
        coalesce(touches.touch_count, 1) as touch_count,
        coalesce(touches.session_count, 0) as session_count,
        coalesce(touches.is_first_of_channel, true) as is_first_of_channel,
        coalesce(touches.is_last_non_direct, true) as is_last_non_direct,
        orders.gross_revenue,
        touches.touched_at,
        orders.ordered_at,
    from orders
    left join touches on orders.order_key = touches.order_key

)

select * from final
