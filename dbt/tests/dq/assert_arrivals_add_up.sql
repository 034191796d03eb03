{{ config(meta={'dagster': {'ref': {'name': 'arrivals_daily'}}}) }}

-- Law 1 seen from the warehouse: of each date and source of the work set every row read is logged,
-- quarantined or withheld, and every logged row is an event or a duplicate.
with

dates as (

    select arrival_date from {{ ref('int_work_set') }}

),

winners as (

    select
        arrival_date,
        source,
        count(*) as row_count,
    from {{ ref('fct_events') }}
    where arrival_date in (select arrival_date from dates)
    group by arrival_date, source

),

final as (

    select
        arrivals.arrival_date,
        arrivals.source,
        arrivals.rows_read,
        arrivals.rows_logged,
        winners.row_count as winners,
        arrivals.duplicates,
    from {{ ref('arrivals_daily') }} as arrivals
    left join winners
        on arrivals.arrival_date = winners.arrival_date
        and arrivals.source = winners.source
    where arrivals.arrival_date in (select arrival_date from dates)
        and (
            arrivals.rows_read
            <> arrivals.rows_logged + arrivals.rows_quarantined + arrivals.rows_withheld
            or arrivals.rows_logged <> coalesce(winners.row_count, 0) + arrivals.duplicates
        )

)

select * from final
