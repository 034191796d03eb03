{# A text of a line, trimmed, the empty one null, as ingest does with columns. #}
{% macro line_text(field) -%}
    nullif(trim(
        array_lines.line ->> '$.{{ field }}',
        chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)
    ), '')
{%- endmacro %}

{#
    The lines of events: the elements of `properties.products`, else one line from the event's own
    columns. `events` needs event_key, product_id, category, brand, quantity, reporting_price,
    currency_rate and properties; extra columns are carried along. No line where there is
    nothing to put on it.
#}
{% macro event_lines(events, carried) -%}
    select
        {% for column in carried -%}
            events.{{ column }},
        {% endfor -%}
        cast(coalesce(array_lines.line_number, 1) as integer) as line_number,
        case
            when array_lines.line is null then events.product_id
            else {{ line_text('product_id') }}
        end as product_id,
        case
            when array_lines.line is null then events.category
            else {{ line_text('category') }}
        end as category,
        case
            when array_lines.line is null then events.brand
            else {{ line_text('brand') }}
        end as brand,
        case
            when array_lines.line is null then events.reporting_price
            else {{ in_reporting_currency(
                "try_cast(array_lines.line ->> '$.price' as decimal(18, 4))",
                'events.currency_rate'
            ) }}
        end as price,
        coalesce(
            case
                when array_lines.line is null then events.quantity
                else try_cast(array_lines.line ->> '$.quantity' as decimal(18, 4))
            end,
            1
        ) as quantity,
    from {{ events }} as events
    left join (
        select
            event_key,
            unnest(range(1, len(lines) + 1)) as line_number,
            unnest(lines) as line,
        from (
            select
                event_key,
                -- Inside a case: a filter may run after the cast that it should guard.
                cast(
                    case
                        when json_type(properties, '$.products') = 'ARRAY'
                            then properties -> '$.products'
                    end as json[]
                ) as lines,
            from {{ events }}
            where properties like '%"products"%'
        ) as arrays
        where len(lines) > 0
            and len(list_filter(lines, lambda line: json_type(line) <> 'OBJECT')) = 0
    ) as array_lines on events.event_key = array_lines.event_key
    where array_lines.line is not null
        or events.product_id is not null
        or events.price is not null
        or events.quantity is not null
{%- endmacro %}

{# The clicks among events: one for each impression id, and each event without one. #}
{% macro click_count(events) -%}
    count(distinct {{ events }}.impression_id) filter (where {{ events }}.role = 'click')
    + count(*) filter (where {{ events }}.role = 'click' and {{ events }}.impression_id is null)
{%- endmacro %}
