{#
    The ways in which a table comes about. Each model is one transaction.

    scratch          made anew in every run, as large as the run's work, in a database in memory
                     that goes with the process. `as_view` where its rows are read too seldom to be
                     worth keeping.
    made_whole       made anew in every run, for tables that are small however long the history.
    made_view        a view, made by one statement: dbt's own kind renames the one before, and looks
                     for it in a list that the tables of this run have begun. `footfall run` leaves
                     those that stand.
    replace_touched  rows of touched keys are deleted and the model's rows inserted. `touched` names
                     the models that hold the keys, those of all new rows among them; `replace_key`
                     the key; `prune_by` a column that the key determines, which keeps the delete
                     from reading the whole table.
                     `reads_itself` where the model looks at its own rows: then the new ones are put
                     aside before the delete, and their keys are deleted as well.
    accumulate       an outbox: new rows are added, nothing is removed until the work set is struck
                     off. It keeps what could not be found again after a kill.
#}
{# dbt's own check of a contract, spared where names and types are the same texts: a tenth of a build. #}
{% macro assert_contract(sql) -%}
    {%- set columns = adapter.get_column_schema_from_query(get_empty_subquery_sql(sql)) -%}
    {%- set found, wanted = {}, {} -%}
    {%- for column in columns -%}
        {%- do found.update({column.name: column.dtype | lower | replace(' ', '')}) -%}
    {%- endfor -%}
    {%- for column in model.columns.values() -%}
        {%- do wanted.update({column.name: column.data_type | lower | replace(' ', '')}) -%}
    {%- endfor -%}
    {%- if found != wanted or columns | length != wanted | length -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
{%- endmacro %}

{% macro create_or_replace(kind) -%}
    {%- set target_relation = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace {{ kind }} {{ target_relation }} as (
            {{ sql }}
        )
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}

{% materialization scratch, adapter='duckdb' %}
    {{ return(create_or_replace('view' if config.get('as_view') else 'table')) }}
{% endmaterialization %}

{% materialization made_whole, adapter='duckdb' %}
    {{ return(create_or_replace('table')) }}
{% endmaterialization %}

{% materialization made_view, adapter='duckdb' %}
    {%- if config.get('contract').enforced -%}
        {{ assert_contract(sql) }}
    {%- endif -%}
    {{ return(create_or_replace('view')) }}
{% endmaterialization %}

{#
    A table that lies in one file with the view that reads it. Whoever publishes the view has that
    file open under another name, and only the view itself knows then where its own tables are.
#}
{% macro ref_beside(model) -%}
    {{- ref(model).include(database=false) -}}
{%- endmacro %}

{% macro relation_of(model) -%}
    {%- set nodes = graph.nodes.values() | selectattr('name', 'equalto', model) | list -%}
    {{- nodes[0].database ~ '.' ~ nodes[0].schema ~ '.' ~ nodes[0].alias -}}
{%- endmacro %}

{% macro delete_touched(target, new_rows=none) -%}
    {%- set key = config.require('replace_key') -%}
    {%- set prune_by = config.get('prune_by') -%}
    {%- set wanted = (key + [prune_by]) | unique | list if prune_by else key -%}
    {%- set keys = [] -%}
    {%- for model in config.get('touched', []) -%}
        {%- do keys.append('select ' ~ wanted | join(', ') ~ ' from ' ~ relation_of(model)) -%}
    {%- endfor -%}
    {%- if new_rows -%}
        {%- do keys.append('select ' ~ wanted | join(', ') ~ ' from ' ~ new_rows) -%}
    {%- endif -%}
    {%- set touched = keys | join(' union all ') -%}
    delete from {{ target }}
    where ({{ key | join(', ') }}) in (
        select {{ key | join(', ') }} from ({{ touched }}) as touched_keys
    )
    {%- if prune_by %}
        and {{ prune_by }} in (select distinct {{ prune_by }} from ({{ touched }}) as touched_dates)
    {%- endif -%}
{%- endmacro %}

{% macro contract_columns() -%}
    {{- model.columns.values() | map(attribute='name') | join(', ') -}}
{%- endmacro %}

{#
    A run over many days inserts them in order, so that each row group spans few dates and reads
    that name dates skip the others. Rows of one more day are few, and cost nothing to sort.
#}
{% macro in_order_of_dates() -%}
    {%- if config.get('prune_by') %}order by {{ config.get('prune_by') }}{% endif -%}
{%- endmacro %}

{% materialization replace_touched, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new_rows = this.identifier ~ '__new' -%}
    {{ run_hooks(pre_hooks) }}
    {{ assert_contract(sql) }}
    {% call statement('main') -%}
        {%- if config.get('reads_itself') %}
        create or replace temporary table {{ new_rows }} as (
            {{ sql }}
        );
        {{ delete_touched(target_relation, new_rows) }};
        insert into {{ target_relation }} ({{ contract_columns() }})
        select {{ contract_columns() }} from {{ new_rows }} {{ in_order_of_dates() }};
        drop table {{ new_rows }}
        {%- else %}
        {{ delete_touched(target_relation) }};
        insert into {{ target_relation }} ({{ contract_columns() }})
        select {{ contract_columns() }} from (
            {{ sql }}
        ) as new_rows
        {{ in_order_of_dates() }}
        {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization accumulate, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {{ assert_contract(sql) }}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ contract_columns() }})
        select {{ contract_columns() }} from ({{ sql }}) as new_rows
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
