-- Daily counts and ratios of what was known on the arrival date `as_of_date`.
with

acts as (

    {{ kpi_acts_as_of() }}

),

counts as (

    select
        report_date,
        count(distinct visitor_id) filter (where is_sessionable) as visitors,
        {% for metric, role in kpi_series_roles().items() -%}
        count(*) filter (where role = '{{ role }}') as {{ metric }},
        {% endfor -%}
        count(distinct visitor_id) filter (where orders > 0) as converting_visitors,
        sum(orders) as orders,
        sum(orders_without_value) as orders_without_value,
        sum(gross_revenue) as gross_revenue,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
    from acts
    group by report_date

),

final as (

    {{ kpi_series_rows('counts', ['report_date']) }}

)

select
    report_date,
    metric,
    value,
    numerator,
    denominator,
from final
order by metric, report_date
