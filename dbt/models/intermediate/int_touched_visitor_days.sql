{{ config(materialized='accumulate') }}

-- The visitor's days to make again. An outbox: once `int_person_days` follows the new map, nobody
-- could tell any more which of its days had another person before.
with

refund_dates as (

    select
        order_key,
        report_date,
    from {{ ref('int_order_events') }}
    where role = 'refund'
        and order_key in (select order_key from {{ ref('int_touched_orders') }})

),

order_visitors as (

    select
        order_key,
        visitor_id,
    from {{ ref('int_touched_orders') }}
    union
    select
        order_key,
        visitor_id,
    from {{ ref('int_order_events') }}
    where order_key in (select order_key from {{ ref('int_touched_orders') }})

),

relabelled as (

    select
        days.visitor_id,
        days.report_date,
    from {{ state('int_person_days') }} as days
    left join {{ ref('map_visitor_person') }} as map
        on days.visitor_id = map.visitor_id
        and days.person_id = map.person_id
        and days.label_from >= map.valid_from
        and days.label_to < map.valid_to
    where days.visitor_id in (select visitor_id from {{ ref('int_touched_visitors') }})
        and not days.is_own_user
        and map.visitor_id is null
    union all
    select
        visitor_id,
        report_date,
    from {{ state('int_person_days') }}
    where user_id in (select user_id from {{ ref('int_relabelled_users') }})

),

final as (

    select
        visitor_id,
        report_date,
    from {{ ref('int_touched_points') }}
    union
    select
        visitor_id,
        report_date,
    from {{ ref('int_events_sessionized') }}
    where visitor_id is not null
    union
    select
        visitor_id,
        report_date,
    from {{ ref('int_session_windows') }}
    union
    select
        order_visitors.visitor_id,
        refund_dates.report_date,
    from refund_dates
    inner join order_visitors on refund_dates.order_key = order_visitors.order_key
    where order_visitors.visitor_id is not null
    union
    select
        visitor_id,
        report_date,
    from relabelled

)

select * from final
