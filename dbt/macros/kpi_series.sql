{# The counts of a day whose series are scored, by the role of the events that are counted. #}
{% macro kpi_series_roles() -%}
    {{ return({
        'page_views': 'page_view',
        'product_views': 'product_view',
        'cart_adds': 'cart_add',
        'order_events': 'order',
        'failed_logins': 'login_failed',
    }) }}
{%- endmacro %}
