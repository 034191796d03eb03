{#
    One row an order as it was known on the arrival date `as_of_date` (law 4), bots' among them.

    An order is what its own events say, and most have had no event since: those are in `fct_orders`
    as they were then. Only orders that something has arrived of since are made again from the
    events of then. To make all of them again took 6 s of half a million receipt lines, a partition.
#}
{% macro orders_as_of() -%}
    with

    later_events as (

        {{ later_order_events() }}

    ),

    order_events as (

        {{ overtaken_order_events('later_events') }}

    )

    select
        order_key,
        visitor_id,
        user_id,
        ordered_at as event_ts,
        event_date,
        report_date,
        source,
        device_type,
        country,
        is_bot,
        gross_revenue,
    from ({{ bots_as_of(ref('fct_orders')) }}) as orders
    where order_key not in (select order_key from later_events)
    union all
    select
        order_key,
        visitor_id,
        user_id,
        event_ts,
        event_date,
        report_date,
        source,
        device_type,
        country,
        is_bot,
        {{ total('gross_revenue') }} as gross_revenue,
    from ({{ valued_orders('order_events') }}) as valued
{%- endmacro %}

{# The orders that something has arrived of since. #}
{% macro later_order_events() -%}
    select order_key from {{ ref('int_order_events') }}
    where arrival_date > cast(getvariable('as_of_date') as date)
        and role in ('order', 'order_update')
{%- endmacro %}

{# The events by which these orders were known; `later_events` is a CTE of their keys. #}
{% macro overtaken_order_events(later_events) -%}
    select * from ({{ bots_as_of(ref('int_order_events')) }}) as known
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and role in ('order', 'order_update')
        and order_key in (select order_key from {{ later_events }})
{%- endmacro %}
