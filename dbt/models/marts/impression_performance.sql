{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_dates'],
    )
}}

with

events as (

    select
        event_key,
        report_date,
        visitor_id,
        role,
        impression_id,
        case
            when event_name in ('promotion_viewed', 'promotion_clicked') then 'promotion'
            when event_name in ('recommendation_shown', 'recommendation_clicked')
                then 'recommendation'
            else 'other'
        end as kind,
        properties,
    from {{ ref('fct_events') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})
        and role in ('impression', 'click')
        and not is_bot

),

placed as (

    select
        * exclude (properties),
        coalesce(
            case when kind = 'promotion' then properties ->> '$.promotion_id' end,
            properties ->> '$.list_id',
            properties ->> '$.placement',
            '(not set)'
        ) as placement,
    from events

),

lines as (

    select
        event_key,
        count(*) as line_count,
    from {{ ref('fct_product_interactions') }}
    where report_date in (select report_date from {{ ref('int_touched_dates') }})
        and interaction = 'impression'
        and not is_bot
    group by event_key

),

counts as (

    select
        placed.report_date,
        placed.kind,
        placed.placement,
        count(distinct placed.visitor_id) filter (where placed.role = 'impression') as viewers,
        cast(coalesce(
            sum(coalesce(lines.line_count, 1)) filter (where placed.role = 'impression'), 0
        ) as bigint) as impressions,
        {{ click_count('placed') }} as clicks,
    from placed
    left join lines on placed.event_key = lines.event_key
    group by placed.report_date, placed.kind, placed.placement

),

final as (

    select
        report_date,
        kind,
        placement,
        viewers,
        impressions,
        clicks,
        {{ ratio_columns(of='impression_performance') }}
    from counts

)

select * from final
