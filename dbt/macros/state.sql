{#
    What earlier runs left. A model that must know the stored state of a table which is built from
    it (sessions as they stand, before they are made again) cannot `ref` it: that would be a
    cycle. It says `state('fct_sessions')` instead, and `create_state` makes every such table
    before the first run.
#}
{% macro state(model) -%}
    {%- if model.startswith('int_') -%}
        intermediate.{{ model }}
    {%- else -%}
        core.{{ model }}
    {%- endif -%}
{%- endmacro %}

{% macro create_state() -%}
    {%- if execute -%}
        {%- set statements = [
            'create schema if not exists state',
            'create table if not exists state.work_set (arrival_date date)',
        ] -%}
        {%- if env_var('FOOTFALL_THREADS', '') -%}
            {%- do statements.append('set threads = ' ~ env_var('FOOTFALL_THREADS') | int) -%}
        {%- endif -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model'
            and node.config.materialized in ('replace_touched', 'accumulate') -%}
            {%- set columns = [] -%}
            {%- for column in node.columns.values() -%}
                {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
            {%- endfor -%}
            {%- do statements.append('create schema if not exists ' ~ node.schema) -%}
            {%- do statements.append(
                'create table if not exists ' ~ node.schema ~ '.' ~ node.alias
                ~ ' (' ~ columns | join(', ') ~ ')'
            ) -%}
        {%- endfor -%}
        {{ statements | join(';\n') }}
    {%- endif -%}
{%- endmacro %}

{# How many rows the scratch tables of this run had; they themselves are gone when it ends. #}
{% macro keep_scratch_counts() -%}
    create or replace table state.scratch_rows as
    select
        schema_name || '.' || table_name as relation,
        estimated_size as row_count,
    from duckdb_tables()
    where database_name = 'scratch'
{%- endmacro %}

{# The as_of date of the tables as they stand: the latest arrival date that is closed. #}
{% macro latest_closed_date() -%}
    select max(arrival_date) as as_of_date
    from {{ source('inputs', 'log_days') }}
    where is_closed
{%- endmacro %}
