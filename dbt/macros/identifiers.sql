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

{#
    The order of events, everywhere, as one sortable text: microseconds in eighteen digits for any
    year, then the key.
#}
{% macro event_order(event_ts='event_ts', event_key='event_key') -%}
    cast(epoch_us({{ event_ts }}) + 500000000000000000 as varchar) || {{ event_key }}
{%- endmacro %}

{# All that a copy says, without when and where it arrived and was sent. #}
{% macro content_hash(copy) -%}
    md5(to_json(row(
        {%- for column in [
            'event_name', 'event_ts', 'user_id', 'anonymous_id', 'device_id', 'source_session_id',
            'product_id', 'category', 'brand', 'price', 'quantity', 'currency', 'order_id',
            'revenue', 'coupon', 'impression_id', 'page_url', 'page_path', 'referrer', 'utm_source',
            'utm_medium', 'utm_campaign', 'device_type', 'os', 'browser', 'app', 'country',
            'region', 'city', 'ip_truncated', 'locale', 'user_agent_family', 'is_bot', 'consent',
            'properties',
        ] %}
        {{ copy }}.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    )))
{%- endmacro %}
