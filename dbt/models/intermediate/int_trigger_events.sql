{{
    config(
        materialized='replace_touched',
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_events_sessionized'],
    )
}}

-- depends_on: {{ ref('int_events_sessionized') }}
-- What rules look at: who viewed which product of their category, and who gave it how many stars.
with

rules as (

    select
        rule,
        condition,
        category,
    from {{ ref('int_triggers') }}

),

events as (

    select
        *,
        case
            when role = 'review' then try_cast(properties ->> '$.rating' as decimal(18, 4))
        end as rating,
    from {{ ref('int_events_remade') }}
    where role in ('product_view', 'review')
        and visitor_id is not null
        and not is_bot

),

lines as (

    {{ event_lines('events', [
        'event_key', 'event_ts', 'event_date', 'report_date', 'visitor_id', 'user_id', 'role',
        'rating',
    ]) }}

),

final as (

    select distinct
        rules.rule,
        lines.event_key,
        lines.event_date,
        lines.report_date,
        lines.event_ts,
        lines.visitor_id,
        lines.user_id,
        lines.product_id,
        lines.rating,
    from lines
    inner join rules
        on lines.category = rules.category
        and (
            (rules.condition = 'products_viewed' and lines.role = 'product_view')
            or (rules.condition = 'negative_review' and lines.rating is not null)
        )
    where lines.product_id is not null

)

select * from final
