{{ config(meta={'dagster': {'ref': {'name': 'attribution'}}}) }}

-- Every model shares all orders of a date, and all that they are worth. Touched dates alone.
with

touched as (

    select distinct
        model,
        report_date,
    from {{ ref('int_touched_attribution') }}

),

orders as (

    select
        report_date,
        orders,
        gross_revenue,
    from {{ ref('int_kpi_days') }}
    where report_date in (select report_date from touched)

),

shared as (

    select
        model,
        report_date,
        sum(conversions) as conversions,
        sum(credit) as credit,
    from {{ ref('attribution') }}
    where report_date in (select report_date from touched)
    group by model, report_date

),

final as (

    select
        touched.model,
        touched.report_date,
        orders.orders,
        shared.conversions,
        orders.gross_revenue,
        shared.credit,
    from touched
    left join orders on touched.report_date = orders.report_date
    left join shared
        on touched.model = shared.model
        and touched.report_date = shared.report_date
    where coalesce(orders.orders, 0) <> coalesce(shared.conversions, 0)
        or coalesce(orders.gross_revenue, 0) <> coalesce(shared.credit, 0)

)

select * from final
