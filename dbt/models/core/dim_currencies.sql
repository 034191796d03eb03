{{ config(materialized='made_whole') }}

select
    currency,
    currency_name,
    decimals,
from {{ source('inputs', 'currencies') }}
