{#
    Rows of a table with an event_key each, and is_bot as it was known on the arrival date
    `as_of_date` (law 4): copies that came later may have shown a visitor to be a machine.
#}
{% macro bots_as_of(table) -%}
    select * from {{ table }}
    where not is_bot
    union all
    select * replace (
        event_key not in (select event_key from {{ ref('ml_bots_found_later') }}) as is_bot
    )
    from {{ table }}
    where is_bot
{%- endmacro %}
