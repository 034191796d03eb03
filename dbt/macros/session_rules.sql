{#
    The rules of a session that more than one model goes by: of sessions as they stand, and of those
    that were known on a date. docs/metrics.md has them in words.
#}

{# Whether an event opens a run: after a pause, or none before it; a tracker's own run has none. #}
{% macro opens_run() -%}
    pause is null or (
            pause > interval ({{ var('session_gap_minutes') }}) minute and tracker_session = ''
        )
{%- endmacro %}

{# The seconds of a view that was pinged in so many spans of ten seconds. #}
{% macro engaged_span(buckets) -%}
    10 * ({{ buckets }} - 1) + 5
{%- endmacro %}

{% macro engaged_seconds(buckets) -%}
    sum({{ engaged_span(buckets) }})
{%- endmacro %}

{# The spans of ten seconds in which a view was pinged. #}
{% macro ping_buckets() -%}
    count(distinct epoch_us(event_ts) // 10000000)
{%- endmacro %}

{% macro is_engaged(engaged_s, page_views, orders) -%}
    coalesce({{ engaged_s }}, 0) >= {{ var('engaged_session_s') }}
        or {{ page_views }} >= {{ var('engaged_session_views') }}
        or {{ orders }} >= 1
{%- endmacro %}
