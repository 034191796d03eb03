{#
    Units of experiments: the person by the variant that it met first. `exposures` is a CTE of
    exposures of no bots with experiment, variant, person_id, event_key, event_ts, device_type,
    country. Used on all exposures for `fct_experiment_units` and on those known on a date for the
    models' inputs.
#}
{% macro experiment_units(exposures) -%}
    select
        experiment,
        person_id,
        arg_min(variant, {{ event_order() }}) as variant,
        arg_min(coalesce(device_type, '(not set)'), {{ event_order() }}) as device_type,
        arg_min(coalesce(country, '(not set)'), {{ event_order() }}) as country,
        count(distinct variant) > 1 as is_contaminated,
        count(*) as exposure_count,
        min(event_ts) as exposed_at,
        max(event_ts) as last_exposed_at,
        arg_min(event_key, {{ event_order() }}) as event_key,
    from {{ exposures }}
    group by experiment, person_id
{%- endmacro %}

{#
    The metrics that an experiment is judged by: those of a unit, and all whose counts are sums over
    events, so that they can be split by unit as by any dimension. Not those over windows of dates.
#}
{% macro experiment_metrics() -%}
    {%- set metrics = [] -%}
    {%- for metric in ratio_metrics()
        if metric.by_dimension or 'experiment_results' in metric.get('of', []) -%}
        {%- do metrics.append(metric) -%}
    {%- endfor -%}
    {{ return(metrics) }}
{%- endmacro %}

{#
    Sums of four numbers a unit and of their products, which are all that the statistics need.
    Decimals add up to the same in any order, doubles do not.
#}
{% macro experiment_moments() -%}
    {%- set numbers = ['numerator', 'denominator', 'numerator_before', 'denominator_before'] -%}
    {%- for number in numbers %}
        cast(sum({{ number }}) as double) as sum_{{ number }},
    {%- endfor -%}
    {%- for number in numbers -%}
        {%- for other in numbers[loop.index0:] %}
        cast(sum({{ number }} * {{ other }}) as double) as product_{{ number }}_{{ other }},
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
