{#
    The events that say what an order is worth, with what they state: of a source whose rows are
    lines all of them, else the last update that states a value, else the first to arrive.
    `order_events` is a CTE with rows of int_order_events of role order and order_update.
#}
{% macro order_value_events(order_events) -%}
    with

    line_sums as (

        select
            event_key,
            sum(line_revenue) as line_revenue,
            sum(quantity) as items,
            count(*) as line_count,
        from {{ ref('int_order_lines') }}
        where event_key in (select event_key from {{ order_events }})
            and event_date in (select distinct event_date from {{ order_events }})
        group by event_key

    ),

    grains as (

        select
            source,
            order_grain,
        from {{ source('inputs', 'sources') }}

    ),

    valued as (

        select
            order_events.*,
            coalesce(order_events.reporting_revenue, line_sums.line_revenue) as stated_value,
            coalesce(line_sums.items, 0) as items,
            coalesce(line_sums.line_count, 0) as line_count,
            coalesce(grains.order_grain, 'order') as order_grain,
        from {{ order_events }} as order_events
        left join line_sums on order_events.event_key = line_sums.event_key
        left join grains on order_events.source = grains.source

    ),

    ranked as (

        select
            *,
            count(*) filter (where role = 'order') over (partition by order_key)
                as order_event_count,
            count(*) filter (where role = 'order_update' and stated_value is not null) over (
                partition by order_key
            ) as update_count,
            row_number() over (
                partition by order_key, role, stated_value is not null
                order by event_ts desc, event_key desc
            ) as number_from_last,
            row_number() over (
                partition by order_key, role order by arrival_date, source_file, source_line
            ) as arrival_number,
        from valued

    )

    select
        event_key,
        order_key,
        event_ts,
        event_date,
        coupon,
        stated_value,
        items,
        line_count,
    from ranked
    where order_event_count > 0
        and case
            when order_grain = 'line' then role = 'order'
            when update_count > 0
                then role = 'order_update' and stated_value is not null and number_from_last = 1
            else role = 'order' and arrival_number = 1
        end
{%- endmacro %}

{# One row an order, its first event with what the order is worth; `order_events` as above. #}
{% macro valued_orders(order_events) -%}
    select
        first_order_events.*,
        order_values.gross_revenue,
    from (
        select * from {{ order_events }}
        where role = 'order'
        qualify row_number() over (partition by order_key order by event_ts, event_key) = 1
    ) as first_order_events
    inner join (
        select
            order_key,
            sum(stated_value) as gross_revenue,
        from ({{ order_value_events(order_events) }}) as value_events
        group by order_key
    ) as order_values on first_order_events.order_key = order_values.order_key
{%- endmacro %}
