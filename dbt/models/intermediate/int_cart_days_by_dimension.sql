{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_dates', 'int_touched_cart_dates'],
    )
}}

-- Carts by what their first event counts for. Its session may get another channel, and its product
-- another category, while the cart stays as it was.
with

dates as (

    select report_date from {{ ref('int_touched_dates') }}
    union
    select report_date from {{ ref('int_touched_cart_dates') }}

),

carts as (

    select
        cart_key,
        event_key,
        report_date,
        source,
        outcome,
        due_date,
    from {{ ref('int_carts') }}
    where report_date in (select report_date from dates) and not is_bot

),

events as (

    select
        event_key,
        session_id,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        coalesce(category, '(not set)') as category,
    from {{ ref('fct_events') }}
    where report_date in (select report_date from dates)
        and event_key in (select event_key from carts)

),

-- A session lasts less than 24 hours, which touch three dates where the clocks go forward.
sessions as (

    select
        session_id,
        coalesce(channel, '(not set)') as channel,
    from {{ ref('fct_sessions') }}
    where report_date in (
            select distinct unnest([report_date - 2, report_date - 1, report_date]) as report_date
            from dates
        )

),

lines as (

    select distinct
        event_key,
        coalesce(category, '(not set)') as category,
    from {{ ref('fct_product_interactions') }}
    where report_date in (select report_date from dates)
        and event_key in (select event_key from carts)

),

opened as (

    select
        carts.*,
        events.device_type,
        events.country,
        coalesce(sessions.channel, '(not set)') as channel,
        coalesce(lines.category, events.category) as category,
    from carts
    inner join events on carts.event_key = events.event_key
    left join sessions on events.session_id = sessions.session_id
    left join lines on carts.event_key = lines.event_key

),

final as (

    {% for dimension in ['device_type', 'country', 'source', 'channel', 'category'] -%}
    select
        report_date,
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        outcome,
        due_date,
        count(distinct cart_key) as carts,
    from opened
    group by report_date, {{ dimension }}, outcome, due_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
