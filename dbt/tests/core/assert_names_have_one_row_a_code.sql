{{ config(meta={'dagster': {'ref': {'name': 'dim_countries'}}}) }}

-- A way to write a country, or a currency, that has several names would double what joins with it.
with

codes as (

    select
        'country' as kind,
        country as code,
    from {{ ref('dim_countries') }}
    union all
    select
        'currency' as kind,
        currency as code,
    from {{ ref('dim_currencies') }}

)

select
    kind,
    code,
from codes
group by kind, code
having count(*) > 1
