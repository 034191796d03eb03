{#
    The one place of every ratio. `numerator` and `denominator` are counts of the KPI base;
    `complement` is 1 − ratio, `of` the marts that have it, kpi_daily unless said. A rate whose
    denominator is 0 is null. The page docs/metrics.md says what the counts are.
#}
{% macro ratio_metrics() %}
{% set text %}
- name: ctr
  description: Clicks on promoted or recommended items for each item shown.
  numerator: clicks
  denominator: impressions
  by_dimension: true
- name: session_conversion_rate
  description: Share of sessions in which an order began.
  numerator: converting_sessions
  denominator: sessions
  by_dimension: true
- name: visitor_conversion_rate
  description: Share of visitors with an order on the date.
  numerator: converting_visitors
  denominator: visitors
  by_dimension: true
- name: aov
  description: Average order value, over orders that state one.
  numerator: gross_revenue
  denominator: orders - orders_without_value
  by_dimension: true
- name: revenue_per_session
  description: Gross revenue for each session.
  numerator: gross_revenue
  denominator: sessions
  by_dimension: true
- name: bounce_rate
  description: Share of sessions that were not engaged.
  numerator: engaged_sessions
  denominator: sessions
  complement: true
  by_dimension: true
- name: stickiness
  description: Daily active persons for each monthly active one.
  numerator: dau
  denominator: mau
  by_dimension: false
- name: repeat_purchase_rate
  description: Share of the date's buyers who had ordered before.
  numerator: repeat_ordering_persons
  denominator: ordering_persons
  by_dimension: false
- name: clv_to_date
  description: Net revenue up to the date for each person who has ordered by then.
  numerator: cumulative_net_revenue
  denominator: cumulative_buyers
  by_dimension: false
- name: rate
  description: Share of a cohort's persons who were active in the period.
  numerator: retained
  denominator: cohort_size
  by_dimension: false
  of: [retention_cohorts]
- name: cart_abandonment_rate
  description: Share of the date's carts that were abandoned, of those that have ended.
  numerator: abandoned_carts
  denominator: ended_carts
  by_dimension: false
  of: [kpi_daily, cart_abandonment]
- name: cart_recovery_rate
  description: Share of the date's abandoned carts that an order recovered.
  numerator: recovered_carts
  denominator: abandoned_carts
  by_dimension: false
  of: [cart_abandonment]
{% endset %}
{{ return(fromyaml(text)) }}
{% endmacro %}

{% macro ratio_columns(only_by_dimension=false, of='kpi_daily') -%}
    {%- for metric in ratio_metrics()
        if of in metric.get('of', ['kpi_daily'])
        and (metric.by_dimension or not only_by_dimension) %}
        {{ '1 - ' if metric.complement }}cast({{ metric.numerator }} as double)
            / nullif({{ metric.denominator }}, 0) as {{ metric.name }},
    {%- endfor -%}
{%- endmacro %}
