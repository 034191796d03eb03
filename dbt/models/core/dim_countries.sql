{{ config(materialized='made_whole') }}

select
    country,
    country_code,
    country_name,
from {{ source('inputs', 'countries') }}
