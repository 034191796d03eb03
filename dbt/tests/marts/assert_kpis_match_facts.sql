{{ config(meta={'dagster': {'ref': {'name': 'kpi_daily'}}}) }}

-- Sessions, orders and money of a touched date are those of the facts, and daily active
-- persons are its persons.
with

dates as (

    select report_date from {{ ref('int_touched_dates') }}

),

sessions as (

    select
        report_date,
        count(*) as sessions,
        count(*) filter (where is_bounce) as bounces,
    from {{ ref('fct_sessions') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

orders as (

    select
        report_date,
        count(*) as orders,
        sum(gross_revenue) as gross_revenue,
    from {{ ref('fct_orders') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

refunds as (

    select
        report_date,
        sum(amount) as refunds,
    from {{ ref('fct_refunds') }}
    where report_date in (select report_date from dates) and not is_bot
    group by report_date

),

final as (

    select
        kpis.report_date,
        kpis.sessions,
        sessions.sessions as sessions_found,
        kpis.orders,
        orders.orders as orders_found,
    from {{ ref('kpi_daily') }} as kpis
    left join sessions on kpis.report_date = sessions.report_date
    left join orders on kpis.report_date = orders.report_date
    left join refunds on kpis.report_date = refunds.report_date
    where kpis.report_date in (select report_date from dates)
        and (
            kpis.sessions <> coalesce(sessions.sessions, 0)
            or kpis.sessions - kpis.engaged_sessions <> coalesce(sessions.bounces, 0)
            or kpis.orders <> coalesce(orders.orders, 0)
            or kpis.gross_revenue <> coalesce(orders.gross_revenue, 0)
            or kpis.refunds <> coalesce(refunds.refunds, 0)
            or kpis.dau <> kpis.persons
        )

)

select * from final
