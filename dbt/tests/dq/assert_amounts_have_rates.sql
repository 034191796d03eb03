{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'arrivals_daily'}}}) }}

-- Warns where arrivals of the run state amounts in a currency without a rate on their date, which
-- count as no revenue: name their rates in the file of settings.rates, or the source's currency.
select
    arrival_date,
    source,
    events_without_rate,
from {{ ref('arrivals_daily') }}
where arrival_date in (select arrival_date from {{ ref('int_work_set') }})
    and events_without_rate > 0
