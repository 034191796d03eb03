{# Names made of content. U+001F separates the parts: no source's name and no date holds it. #}
{% macro hash_of(parts) -%}
    md5({{ parts | join(" || chr(31) || ") }})
{%- endmacro %}

{% macro event_key() -%}
    {{ hash_of(["source", "event_id", "cast(cast(event_ts as date) as varchar)"]) }}
{%- endmacro %}

{% macro order_key(source, order_id, event_key) -%}
    case
        when {{ order_id }} is not null then {{ hash_of([source, "'order'", order_id]) }}
        else {{ hash_of([source, "'event'", event_key]) }}
    end
{%- endmacro %}

{% macro user_person_id(user_id) -%}
    {{ hash_of(["'user'", user_id]) }}
{%- endmacro %}

{% macro visitor_person_id(visitor_id) -%}
    {{ hash_of(["'visitor'", visitor_id]) }}
{%- endmacro %}

{# The order of events, everywhere, as one sortable text. #}
{% macro event_order(event_ts='event_ts', event_key='event_key') -%}
    strftime({{ event_ts }}, '%Y%m%d%H%M%S%f') || {{ event_key }}
{%- endmacro %}
