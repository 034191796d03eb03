{#
    The three ways in which a table comes about. Each model is one transaction.

    per_run          made anew in every run, as large as the run's work.
    replace_touched  rows of touched keys are deleted and the model's rows inserted. `touched` names the models
                     that hold the keys; `replace_key` the key; `prune_by` a column that the key determines, which
                     keeps the delete from reading the whole table. Keys of the new rows are deleted as well.
    accumulate       an outbox: new rows are added, nothing is removed until the work set is struck off. It keeps
                     what could not be found again after a kill.
#}
{% materialization per_run, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace table {{ target_relation }} as (
            {{ sql }}
        )
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro relation_of(model) -%}
    {%- set nodes = graph.nodes.values() | selectattr('name', 'equalto', model) | list -%}
    {{- nodes[0].schema ~ '.' ~ nodes[0].alias -}}
{%- endmacro %}

{% macro replace_touched_statements(target, new_rows, columns) -%}
    {%- set key = config.require('replace_key') -%}
    {%- set prune_by = config.get('prune_by') -%}
    {%- set wanted = (key + [prune_by]) | unique | list if prune_by else key -%}
    {%- set keys = [] -%}
    {%- for model in config.get('touched', []) -%}
        {%- do keys.append('select ' ~ wanted | join(', ') ~ ' from ' ~ relation_of(model)) -%}
    {%- endfor -%}
    {%- do keys.append('select ' ~ wanted | join(', ') ~ ' from ' ~ new_rows) -%}
    {%- set touched = keys | join(' union all ') -%}
    delete from {{ target }}
    where ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from ({{ touched }}) as touched_keys)
    {%- if prune_by %}
        and {{ prune_by }} in (select distinct {{ prune_by }} from ({{ touched }}) as touched_dates)
    {%- endif %};
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new_rows }};
{%- endmacro %}

{% macro contract_columns() -%}
    {{- model.columns.values() | map(attribute='name') | join(', ') -}}
{%- endmacro %}

{% materialization replace_touched, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new_rows = this.identifier ~ '__new' -%}
    {{ run_hooks(pre_hooks) }}
    {{ get_assert_columns_equivalent(sql) }}
    {% call statement('main') -%}
        create or replace temporary table {{ new_rows }} as (
            {{ sql }}
        );
        {{ replace_touched_statements(target_relation, new_rows, contract_columns()) }}
        drop table {{ new_rows }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization accumulate, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {{ get_assert_columns_equivalent(sql) }}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ contract_columns() }})
        select {{ contract_columns() }} from ({{ sql }}) as new_rows
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
