{#
    The one place of every ratio. `numerator` and `denominator` are counts of the KPI base;
    `complement` is 1 − ratio, `of` the marts and models' inputs that have it, kpi_daily unless said. A rate whose
    denominator is 0 is null. The page docs/metrics.md says what the counts are.
#}
{% macro ratio_metrics() %}
{% set text %}
- name: ctr
  description: Clicks on promoted or recommended items for each item shown.
  numerator: clicks
  denominator: impressions
  of:
    [kpi_daily, kpi_daily_by_dimension, product_performance, impression_performance, experiment_results,
     ml_kpi_series]
- name: session_conversion_rate
  description: Share of sessions in which an order began.
  numerator: converting_sessions
  denominator: sessions
  of: [kpi_daily, kpi_daily_by_dimension, experiment_results]
- name: visitor_conversion_rate
  description: Share of visitors with an order on the date.
  numerator: converting_visitors
  denominator: visitors
  of: [kpi_daily, kpi_daily_by_dimension, experiment_results, ml_kpi_series]
- name: aov
  description: Average order value, over orders that state one.
  numerator: gross_revenue
  denominator: orders - orders_without_value
  of: [kpi_daily, kpi_daily_by_dimension, experiment_results, ml_kpi_series]
- name: revenue_per_session
  description: Gross revenue for each session.
  numerator: gross_revenue
  denominator: sessions
  of: [kpi_daily, kpi_daily_by_dimension, experiment_results]
- name: bounce_rate
  description: Share of sessions that were not engaged.
  numerator: engaged_sessions
  denominator: sessions
  complement: true
  of: [kpi_daily, kpi_daily_by_dimension, experiment_results]
- name: stickiness
  description: Daily active persons for each monthly active one.
  numerator: dau
  denominator: mau
- name: repeat_purchase_rate
  description: Share of the date's buyers who had ordered before.
  numerator: repeat_ordering_persons
  denominator: ordering_persons
- name: clv_to_date
  description: Net revenue up to the date for each person who has ordered by then.
  numerator: cumulative_net_revenue
  denominator: cumulative_buyers
- name: rate
  description: Share of a cohort's persons who were active in the period.
  numerator: retained
  denominator: cohort_size
  of: [retention_cohorts]
- name: quick_ratio
  description: Persons that came or came back for each one that fell silent.
  numerator: new_persons + resurrected_persons
  denominator: dormant_persons
  of: [lifecycle]
- name: probability
  description: Share of the steps out of a state that go to the next one.
  numerator: step_count
  denominator: state_count
  of: [behaviour_transitions]
- name: share
  description: Share of the month's sessions that went the path.
  numerator: sessions
  denominator: all_sessions
  of: [top_paths]
- name: conversion_rate
  description: Share of the path's sessions in which an order began.
  numerator: converting_sessions
  denominator: sessions
  of: [top_paths]
- name: cart_abandonment_rate
  description: Share of the date's carts that were abandoned, of those that have ended.
  numerator: abandoned_carts
  denominator: ended_carts
  of: [kpi_daily, kpi_daily_by_dimension, cart_abandonment]
- name: cart_recovery_rate
  description: Share of the date's abandoned carts that an order recovered.
  numerator: recovered_carts
  denominator: abandoned_carts
  of: [cart_abandonment]
- name: view_to_add_rate
  description: Times a product was put into a cart for each time its page was opened.
  numerator: cart_adds
  denominator: product_views
  of: [product_performance]
- name: view_to_order_rate
  description: Orders with a product for each time its page was opened.
  numerator: orders
  denominator: product_views
  of: [product_performance]
- name: average_rating
  description: Mean rating of a product's reviews, in stars.
  numerator: rating_sum
  denominator: reviews
  of: [product_performance]
- name: zero_result_share
  description: Share of searches without a hit, of those whose hits are known.
  numerator: zero_result_searches
  denominator: searches_with_result_count
  of: [search_performance]
- name: average_results
  description: Mean hits of a search.
  numerator: results_shown
  denominator: searches_with_result_count
  of: [search_performance]
- name: search_click_rate
  description: Share of searches after which a product was clicked or looked at.
  numerator: searches_with_click
  denominator: searches
  of: [search_performance]
- name: search_order_rate
  description: Share of searches after which an order began.
  numerator: searches_with_order
  denominator: searches
  of: [search_performance]
- name: completion_rate
  description: Share of views of content that were completed.
  numerator: completions
  denominator: content_views
  of: [content_engagement]
- name: average_share_seen
  description: Mean share of the content that was seen.
  numerator: share_seen_sum
  denominator: views_with_share
  of: [content_engagement]
- name: average_dwell_s
  description: Mean seconds that a view of content lasted.
  numerator: dwell_s_sum
  denominator: views_with_dwell
  of: [content_engagement]
- name: entrance_bounce_rate
  description: Share of the sessions that began with the page which were not engaged.
  numerator: bounces
  denominator: entrances
  of: [page_engagement]
- name: exit_rate
  description: Sessions that ended with the page for each view of it.
  numerator: exits
  denominator: page_views
  of: [page_engagement]
- name: average_page_dwell_s
  description: Mean seconds from a view of the page to what came next.
  numerator: dwell_s_sum
  denominator: views_with_dwell
  of: [page_engagement]
- name: average_page_engaged_s
  description: Mean seconds of a view in which the page was in sight, by pings.
  numerator: engaged_s_sum
  denominator: views_with_pings
  of: [page_engagement]
- name: average_scroll_depth_pct
  description: Mean of how far down a view was scrolled, in percent.
  numerator: scroll_depth_pct_sum
  denominator: views_with_scroll
  of: [page_engagement]
- name: support
  description: Share of orders that have both products.
  numerator: orders_with_both
  denominator: orders_in_window
  of: [product_affinity]
- name: confidence
  description: Share of a product's orders that have the other one too.
  numerator: orders_with_both
  denominator: orders_with_product
  of: [product_affinity]
- name: lift
  description: Times more often that two products come together than by chance.
  numerator: orders_with_both * orders_in_window
  denominator: orders_with_product * orders_with_other
  of: [product_affinity]
- name: unit_conversion_rate
  description: Share of an experiment's units with an order.
  numerator: ordering_units
  denominator: units
  of: [experiment_results]
- name: orders_per_unit
  description: Orders for each of an experiment's units.
  numerator: orders
  denominator: units
  of: [experiment_results]
- name: revenue_per_unit
  description: Gross revenue for each of an experiment's units.
  numerator: gross_revenue
  denominator: units
  of: [experiment_results]
- name: consent_rate
  description: Share of the persons who have answered whose last answer is yes.
  numerator: consenting_persons
  denominator: answering_persons
  of: [consent_daily]
{% endset %}
{{ return(fromyaml(text)) }}
{% endmacro %}

{# One row a row of `sums` and metric; 1 − x / y is (y − x) / y, and so the same kind of ratio. #}
{% macro ratio_numbers(metrics, sums, carried) -%}
    {%- for metric in metrics %}
        select
            {{ carried | join(', ') }},
            '{{ metric.name }}' as metric,
            {{ total(
                '(' ~ metric.denominator ~ ' - (' ~ metric.numerator ~ '))' if metric.complement
                else '(' ~ metric.numerator ~ ')'
            ) }} as numerator,
            {{ total('(' ~ metric.denominator ~ ')') }} as denominator,
        from {{ sums }}
        {{ 'union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro ratio_columns(of='kpi_daily') -%}
    {%- for metric in ratio_metrics() if of in metric.get('of', ['kpi_daily']) %}
        {{ '1 - ' if metric.complement }}cast({{ metric.numerator }} as double)
            / nullif({{ metric.denominator }}, 0) as {{ metric.name }},
    {%- endfor -%}
{%- endmacro %}
