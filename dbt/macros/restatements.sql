{#
    Comparing what was published with what is: the values of a KPI table as rows, when two of them
    differ, and which report dates a metric looks at. Ratios themselves are in metrics.sql.
#}

{# A row a report date and metric; counts and money are exact in the type, doubles to 1e-12. #}
{% macro kpi_values_of(relation) -%}
    select
        report_date,
        unnest([
            {%- if execute %}
            {%- for column in model_columns('kpi_daily') if column != 'report_date' %}
            {'metric': '{{ column }}', 'value': cast({{ column }} as decimal(38, 12))}
            {{- ',' if not loop.last }}
            {%- endfor %}
            {%- endif %}
        ], recursive := true)
    from {{ relation }}
{%- endmacro %}

{% macro model_columns(name) -%}
    {%- set nodes = graph.nodes.values() | selectattr('name', 'equalto', name) | list -%}
    {{ return(nodes[0].columns.keys() | list) }}
{%- endmacro %}

{% macro is_another_value(one, other) -%}
    coalesce(
        abs({{ one }} - {{ other }}) > 1e-9,
        ({{ one }} is null) <> ({{ other }} is null)
    )
{%- endmacro %}

{#
    How many dates, ending on its own, an event may fall on to change a metric: null for all before.
    Who is new, who buys again and sums to date look at the whole past.
#}
{% macro metric_reach_days(metric) -%}
    case
        when {{ metric }} = 'wau' then 7
        when {{ metric }} in ('mau', 'stickiness') then 30
        when {{ metric }} in (
            'new_visitors', 'repeat_ordering_persons', 'repeat_purchase_rate',
            'cumulative_net_revenue', 'cumulative_buyers', 'clv_to_date'
        ) then null
        else 1
    end
{%- endmacro %}
