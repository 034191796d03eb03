{#
    What a CRM says of customers: the names of `crm_attributes`, as ingest keeps them in
    `properties`, at its top or among the traits that trackers send.
#}

{# A SQL list of the names, or, side by side with it, of the JSON paths that may hold them. #}
{% macro crm_attribute_paths(what) -%}
    {%- set found = [] -%}
    {%- for name in var('crm_attributes') -%}
        {%- for place in ['$', '$.traits', '$.context.traits'] -%}
            {%- do found.append(name if what == 'names' else place ~ '.' ~ name) -%}
        {%- endfor -%}
    {%- endfor -%}
    ['{{ found | join("', '") }}']
{%- endmacro %}
