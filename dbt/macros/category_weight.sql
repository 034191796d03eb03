{# What an interaction with a product says about its category; null where it says nothing. #}
{% macro category_weight(interaction) -%}
    case {{ interaction }}
        when 'product_view' then 1
        when 'cart_add' then 3
        when 'order' then 5
    end
{%- endmacro %}
