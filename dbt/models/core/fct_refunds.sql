{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_event_copies']) }}

with

refund_events as (

    select * from {{ ref('int_order_events') }}
    where role = 'refund'
        and event_key in (select event_key from {{ ref('int_event_copies') }})
        and event_date in (select distinct event_date from {{ ref('int_event_copies') }})

),

line_sums as (

    select
        event_key,
        sum(line_revenue) as line_revenue,
    from {{ ref('int_order_lines') }}
    where event_key in (select event_key from refund_events)
        and event_date in (select distinct event_date from refund_events)
    group by event_key

),

final as (

    select
        refund_events.event_key,
        case when refund_events.order_id is not null then refund_events.order_key end as order_key,
        refund_events.source,
        refund_events.visitor_id,
        refund_events.user_id,
        refund_events.report_date,
        refund_events.event_date,
        refund_events.device_type,
        refund_events.country,
        refund_events.category,
        refund_events.is_bot,
        cast(
            abs(coalesce(refund_events.reporting_revenue, line_sums.line_revenue)) as decimal(18, 4)
        ) as amount,
        refund_events.event_ts as refunded_at,
    from refund_events
    left join line_sums on refund_events.event_key = line_sums.event_key

)

select * from final
