{#
    An amount in the reporting currency, rounded to four decimals, half away from zero. Null without
    an amount or a rate, and where the product has no room in the type.
#}
{% macro in_reporting_currency(amount, rate) -%}
    try_cast({{ amount }} * {{ rate }} as decimal(18, 4))
{%- endmacro %}
