{#
    Where ingest keeps what is said of a person in `properties`: at its top, or among the traits
    that trackers send.
#}

{#
    A SQL list of the JSON paths that may hold the names of each kind, or, with `what` 'kinds', side
    by side with it, of their kinds.
#}
{% macro trait_paths(names_by_kind, what) -%}
    {%- set found = [] -%}
    {%- for kind, names in names_by_kind.items() -%}
        {%- for name in names -%}
            {%- for place in ['$', '$.traits', '$.context.traits'] -%}
                {%- do found.append(kind if what == 'kinds' else place ~ '.' ~ name) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    ['{{ found | join("', '") }}']
{%- endmacro %}

{# What a CRM says of customers: each name of `crm_attributes` is a kind of its own. #}
{% macro crm_attribute_paths(what) -%}
    {%- set names = {} -%}
    {%- for name in var('crm_attributes') -%}
        {%- do names.update({name: [name]}) -%}
    {%- endfor -%}
    {{- trait_paths(names, what) -}}
{%- endmacro %}
