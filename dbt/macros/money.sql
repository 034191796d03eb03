{# A value of four decimals; null where it has no room in the type. #}
{% macro amount(value) -%}
    try_cast({{ value }} as decimal(18, 4))
{%- endmacro %}

{#
    A sum of such values; the largest or smallest of the type where it has no room. One absurd row
    stops no model then, and shows in the tables as what it is.
#}
{% macro total(value) -%}
    coalesce({{ amount(value) }}, cast(sign({{ value }}) * 99999999999999.9999 as decimal(18, 4)))
{%- endmacro %}

{#
    An amount in the reporting currency, rounded to four decimals, half away from zero. Null without
    an amount or a rate, and where the product has no room in the type.
#}
{% macro in_reporting_currency(stated, rate) -%}
    {{ amount(stated ~ ' * ' ~ rate) }}
{%- endmacro %}

{# What so many pieces are worth, in a type with room for any two of its kind. #}
{% macro worth_of(price, quantity) -%}
    {{ amount('cast(' ~ price ~ ' as decimal(38, 4)) * ' ~ quantity) }}
{%- endmacro %}

{# What is left of revenue after refunds: two of the largest may lie on either side of 0. #}
{% macro net_of(gross_revenue, refunds) -%}
    {{ total('(cast(' ~ gross_revenue ~ ' as decimal(38, 4)) - ' ~ refunds ~ ')') }}
{%- endmacro %}
