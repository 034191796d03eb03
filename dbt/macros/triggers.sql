{#
    What the rules of triggers need of an engine: windows whose length is a column, and a share of
    visitors that a hash picks.
#}

{# How many different values the last seconds before a row hold, both ends included. #}
{% macro distinct_within(value, keys, order, seconds) -%}
    count(distinct {{ value }}) over (
        partition by {{ keys | join(', ') }} order by {{ order }}
        range between to_seconds({{ seconds }}) preceding and current row
    )
{%- endmacro %}

{# The earliest time of a group that lies at least so many seconds after a row's. #}
{% macro first_after(keys, order, seconds) -%}
    min({{ order }}) over (
        partition by {{ keys | join(', ') }} order by {{ order }}
        range between to_seconds({{ seconds }}) following and unbounded following
    )
{%- endmacro %}

{# A number from 0 (inclusive) to 1, even over many keys: the first eight digits of their hash. #}
{% macro share_of_hash(parts) -%}
    cast(('0x' || left({{ hash_of(parts) }}, 8)) as bigint) / 4294967296.0
{%- endmacro %}

{% macro firing_id(rule, visitor_id, fired_at) -%}
    {{ hash_of([rule, visitor_id, "cast(epoch_us(" ~ fired_at ~ ") as varchar)"]) }}
{%- endmacro %}
