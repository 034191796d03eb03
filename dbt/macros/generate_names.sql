{# Schemas carry the names of DESIGN's layers, without the target's name before them. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}

{# What lasts no longer than a run is kept in memory; see the materialisation scratch. #}
{% macro generate_database_name(custom_database_name=none, node=none) -%}
    {{ 'scratch' if node and node.config.materialized == 'scratch' else target.database }}
{%- endmacro %}
