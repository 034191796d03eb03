{# The counts of a day whose series are scored, by the role of the events that are counted. #}
{% macro kpi_series_roles() -%}
    {{ return({
        'page_views': 'page_view',
        'product_views': 'product_view',
        'cart_adds': 'cart_add',
        'order_events': 'order',
        'failed_logins': 'login_failed',
    }) }}
{%- endmacro %}

{# Counts that are no series of their own: what the ratios are made of, but for the visitors. #}
{% macro kpi_series_ratio_counts() -%}
    {{ return([
        'converting_visitors', 'orders', 'orders_without_value', 'gross_revenue', 'impressions',
        'clicks',
    ]) }}
{%- endmacro %}

{#
    What is counted of a day, as it was known on the arrival date `as_of_date`: a row an event, and
    a row an order, dated and placed by its first event, with what it is worth.
#}
{% macro kpi_acts_as_of() -%}
    with

    events as (

        select
            event_key,
            event_ts,
            report_date,
            visitor_id,
            role,
            is_sessionable,
            impression_id,
            source,
            coalesce(device_type, '(not set)') as device_type,
            coalesce(country, '(not set)') as country,
        from ({{ bots_as_of(ref('fct_events')) }}) as events
        where arrival_date <= cast(getvariable('as_of_date') as date)
            and (
                report_date between cast(getvariable('window_from') as date)
                and cast(getvariable('as_of_date') as date)
            )
            and not is_bot

    ),

    -- An impression that is clicked again on the date is one click.
    first_clicks as (

        select arg_min(event_key, {{ event_order() }}) as event_key
        from events
        where role = 'click'
        group by report_date, coalesce(impression_id, event_key)

    ),

    items_shown as (

        select
            event_key,
            count(*) as item_count,
        from {{ ref('fct_product_interactions') }}
        where event_key in (select event_key from events where role = 'impression')
            and (
                report_date between cast(getvariable('window_from') as date)
                and cast(getvariable('as_of_date') as date)
            )
            and interaction = 'impression'
        group by event_key

    ),

    orders as (

        select
            event_ts,
            report_date,
            visitor_id,
            source,
            coalesce(device_type, '(not set)') as device_type,
            coalesce(country, '(not set)') as country,
            gross_revenue,
        from ({{ orders_as_of() }}) as orders
        where (
                report_date between cast(getvariable('window_from') as date)
                and cast(getvariable('as_of_date') as date)
            )
            and not is_bot

    )

    select
        events.* exclude (event_key, impression_id),
        case
            when events.role = 'impression' then coalesce(items_shown.item_count, 1)
            else 0
        end as impressions,
        cast(events.event_key in (select event_key from first_clicks) as integer) as clicks,
        0 as orders,
        0 as orders_without_value,
        cast(0 as decimal(18, 4)) as gross_revenue,
    from events
    left join items_shown on events.event_key = items_shown.event_key
    union all by name
    select
        orders.* exclude (gross_revenue),
        cast(null as varchar) as role,
        false as is_sessionable,
        0 as impressions,
        0 as clicks,
        1 as orders,
        cast(gross_revenue is null as integer) as orders_without_value,
        coalesce(gross_revenue, 0) as gross_revenue,
    from orders
{%- endmacro %}

{# Counts as rows, and with them the ratios that are scored, of days with something of them. #}
{% macro kpi_series_rows(counts, keys) -%}
    {%- set metrics = [] -%}
    {%- for metric in ratio_metrics() if 'ml_kpi_series' in metric.get('of', []) -%}
        {%- do metrics.append(metric) -%}
    {%- endfor -%}
    select
        {{ keys | join(', ') }},
        metric,
        cast(value as double) as value,
        cast(null as double) as numerator,
        cast(null as double) as denominator,
    from (
        unpivot {{ counts }}
        on visitors, {{ kpi_series_roles() | join(', ') }}
        into name metric value value
    ) as series
    union all
    select
        {{ keys | join(', ') }},
        metric,
        cast(numerator as double) / nullif(denominator, 0) as value,
        cast(numerator as double) as numerator,
        cast(denominator as double) as denominator,
    from ({{ ratio_numbers(metrics, counts, keys) }}) as ratios
    where numerator <> 0 or denominator <> 0
{%- endmacro %}
