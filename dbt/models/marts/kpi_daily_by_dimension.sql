{{ config(materialized='made_view') }}

{% set keys = ['report_date', 'dimension', 'value'] %}
{% set counts_of_days = [
    'visitors', 'persons', 'new_visitors', 'sessions', 'engaged_sessions', 'converting_sessions',
    'page_views', 'product_views', 'cart_adds', 'checkouts', 'orders', 'orders_without_value',
    'converting_visitors', 'items', 'gross_revenue', 'refunds', 'net_revenue', 'impressions',
    'clicks',
] %}

-- A view: carts of past dates are abandoned as time goes by, without any event of theirs.
with

as_of as (

    {{ latest_closed_date() }}

),

stated as (

    {{ stated_cart_days(ref_beside('int_cart_days_by_dimension'), 'as_of') }}

),

carts as (

    select
        {{ keys | join(',\n        ') }},
        {{ cart_count_columns() }}
    from stated
    group by {{ keys | join(', ') }}

),

-- Where a cart opened there is a row as a rule; not if its first event alone counts for nothing.
counts as (

    select
        {% for key in keys -%}
        coalesce(days.{{ key }}, carts.{{ key }}) as {{ key }},
        {% endfor -%}
        {% for count in counts_of_days -%}
        coalesce(days.{{ count }}, 0) as {{ count }},
        {% endfor -%}
        coalesce(carts.carts, 0) as carts,
        coalesce(carts.ended_carts, 0) as ended_carts,
        coalesce(carts.abandoned_carts, 0) as abandoned_carts,
    from {{ ref_beside('int_kpi_days_by_dimension') }} as days
    full join carts
        on days.report_date = carts.report_date
        and days.dimension = carts.dimension
        and days.value = carts.value

),

final as (

    select
        *,
        {{ ratio_columns(of='kpi_daily_by_dimension') }}
    from counts

)

select * from final
