-- What is known of a date alone, by no dimension; its dates are MetricFlow's time spine.
select
    report_date,
    dau,
    wau,
    mau,
    cumulative_net_revenue,
    cumulative_buyers,
from {{ ref_beside('kpi_daily') }}
