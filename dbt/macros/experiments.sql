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
