{#
    Days, ISO weeks and months as periods that are named by their first date, and how many of them
    lie between two. Months differ in length, so whole periods are counted, never days. Retention
    and lifecycle count in them.
#}
{% macro retention_periods() -%}
    select * from (
        values
        {%- for period, max_offset in var('retention_offsets').items() %}
            ('{{ period }}', {{ max_offset }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as periods (period, max_offset)
{%- endmacro %}

{% macro period_start(period, date) -%}
    case {{ period }}
        when 'day' then {{ date }}
        when 'week' then cast(date_trunc('week', {{ date }}) as date)
        when 'month' then cast(date_trunc('month', {{ date }}) as date)
    end
{%- endmacro %}

{# The first date of the period that comes `count` periods after the one that begins on `start`. #}
{% macro period_after(period, start, count) -%}
    case {{ period }}
        when 'day' then {{ start }} + cast({{ count }} as integer)
        when 'week' then {{ start }} + 7 * cast({{ count }} as integer)
        when 'month' then cast({{ start }} + to_months(cast({{ count }} as integer)) as date)
    end
{%- endmacro %}

{# How many periods the one that begins on `later` comes after the one that begins on `start`. #}
{% macro periods_between(period, start, later) -%}
    case {{ period }}
        when 'day' then {{ later }} - {{ start }}
        when 'week' then ({{ later }} - {{ start }}) // 7
        when 'month'
            then 12 * (year({{ later }}) - year({{ start }}))
                + month({{ later }}) - month({{ start }})
    end
{%- endmacro %}

{# Each date of the period that begins on `start`, a row each. #}
{% macro dates_of_period(period, start) -%}
    cast(unnest(generate_series(
        cast({{ start }} as timestamp),
        cast({{ period_after(period, start, 1) }} as timestamp) - interval 1 day,
        interval 1 day
    )) as date)
{%- endmacro %}

{# The date with which `kpi_daily` ends; `as_of` is the CTE of `latest_closed_date`. #}
{% macro last_shown_date(as_of) -%}
    select greatest(max(days.report_date), any_value({{ as_of }}.as_of_date)) as last_date
    from {{ ref_beside('int_kpi_days') }} as days
    cross join {{ as_of }}
{%- endmacro %}
