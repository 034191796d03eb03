{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

-- What a search led to: all that its session does until the next one counts for it.
with

searches as (

    select
        *,
        properties ->> '$.query' as stated_query,
        -- No search has more hits than an integer holds.
        cast(try_cast(properties ->> '$.result_count' as integer) as bigint) as stated_count,
    from {{ ref('int_events_remade') }}
    where role = 'search'

),

events as (

    select
        event_key,
        event_ts,
        session_id,
        role,
        is_bot,
    from {{ ref('int_events_remade') }}
    where session_id is not null
        and role in ('search', 'product_click', 'product_view', 'order')

),

led as (

    select
        event_key,
        role,
        is_bot,
        last_value(case when role = 'search' then event_key end ignore nulls) over (
            partition by session_id order by event_ts, event_key
            rows between unbounded preceding and current row
        ) as search_key,
    from events

),

orders as (

    select
        event_key,
        gross_revenue,
    from {{ ref('fct_orders') }}
    where order_key in (select order_key from {{ ref('int_remade_orders') }}) and not is_bot

),

outcomes as (

    select
        led.search_key,
        count(*) filter (where led.role in ('product_click', 'product_view')) as clicks,
        count(orders.event_key) as orders,
        sum(orders.gross_revenue) as revenue,
    from led
    left join orders on led.event_key = orders.event_key
    where not led.is_bot
    group by led.search_key

),

final as (

    select
        searches.event_key,
        nullif(trim(lower(regexp_replace(searches.stated_query, '\s+', ' ', 'g'))), '') as query,
        searches.source,
        searches.visitor_id,
        searches.user_id,
        searches.session_id,
        searches.event_date,
        searches.report_date,
        searches.is_bot,
        coalesce(outcomes.clicks, 0) > 0 as has_click,
        case when searches.stated_count >= 0 then searches.stated_count end as result_count,
        coalesce(outcomes.orders, 0) as orders,
        {{ total('coalesce(outcomes.revenue, 0)') }} as revenue,
        searches.event_ts as searched_at,
    from searches
    left join outcomes on searches.event_key = outcomes.search_key

)

select * from final
