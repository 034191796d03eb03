{#
    What carts are made of: which events, whose they are, and how many there were. The rules are in
    docs/metrics.md.
#}
{% macro cart_roles() -%}
    'cart_add', 'cart_remove', 'cart_view', 'checkout'
{%- endmacro %}

{# The cart that an event names: a text or a whole number, and no identifier that is none. #}
{% macro cart_id(properties) -%}
    case
        when json_type({{ properties }}, '$.cart_id') in ('VARCHAR', 'BIGINT', 'UBIGINT')
            and lower(trim({{ properties }} ->> '$.cart_id')) not in (
                '', '{{ var('junk_cart_ids') | join("', '") }}'
            )
            then {{ properties }} ->> '$.cart_id'
    end
{%- endmacro %}

{% macro named_cart_holder(source, cart_id) -%}
    {{ hash_of(["'cart'", source, cart_id]) }}
{%- endmacro %}

{#
    Whose carts follow one another, one open at a time: those of a cart_id in its source, else of a
    visitor.
#}
{% macro cart_holder(source, cart_id, visitor_id) -%}
    case
        when {{ cart_id }} is not null then {{ named_cart_holder(source, cart_id) }}
        when {{ visitor_id }} is not null then {{ hash_of(["'visitor'", visitor_id]) }}
    end
{%- endmacro %}

{# The dates from one time to another, both included, as a list to be unnested. #}
{% macro dates_between(from_at, to_at) -%}
    generate_series(
        cast(cast({{ from_at }} as date) as timestamp), {{ to_at }}, interval 1 day
    )
{%- endmacro %}

{#
    Days of carts, `days`, as they stand on the as_of date. Carts that nothing has ended wait under
    the first as_of date on which they are abandoned, so that no run needs to look for those that
    fall due.
#}
{% macro stated_cart_days(days, as_of) -%}
    select
        stored.*,
        stored.outcome = 'lapsed' and not coalesce(stored.due_date <= asked.as_of_date, false)
            as is_open,
        stored.outcome = 'recovered'
        or coalesce(stored.due_date <= asked.as_of_date, false) as is_abandoned,
    from {{ days }} as stored
    cross join {{ as_of }} as asked
{%- endmacro %}

{# What KPIs count of stated days of carts. #}
{% macro cart_count_columns() -%}
    cast(sum(carts) as bigint) as carts,
    cast(coalesce(sum(carts) filter (where not is_open), 0) as bigint) as ended_carts,
    cast(coalesce(sum(carts) filter (where is_abandoned), 0) as bigint) as abandoned_carts,
{%- endmacro %}

{# All counts of carts by the date that they were opened on. #}
{% macro cart_counts(days, as_of) -%}
    select
        report_date,
        {{ cart_count_columns() }}
        cast(coalesce(sum(carts) filter (where is_open), 0) as bigint) as open_carts,
        {%- for outcome in ['ordered', 'emptied', 'recovered'] %}
        cast(coalesce(sum(carts) filter (where outcome = '{{ outcome }}'), 0) as bigint)
            as {{ outcome }}_carts,
        {%- endfor %}
        {{ total('coalesce(sum(cart_value) filter (where is_open), 0)') }} as open_value,
        {%- for outcome in ['ordered', 'recovered'] %}
        {{ total("coalesce(sum(cart_value) filter (where outcome = '" ~ outcome ~ "'), 0)") }}
            as {{ outcome }}_value,
        {%- endfor %}
        {{ total('coalesce(sum(cart_value) filter (where is_abandoned), 0)') }} as abandoned_value,
        max(median_minutes_to_order) filter (where outcome = 'ordered') as median_minutes_to_order,
    from ({{ stated_cart_days(days, as_of) }}) as stated
    group by report_date
{%- endmacro %}
