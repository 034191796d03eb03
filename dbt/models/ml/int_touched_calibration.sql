{{ config(materialized='scratch', schema='intermediate', contract={'enforced': false}) }}

-- Predictions of the partitions that the run replaces, and those whose outcome one of these tells.
-- Two narrow columns are looked at of all partitions. An erasure takes persons out of any of them.
with

partitions as (

    select partition_date from {{ ref('int_touched_partitions') }}

),

horizons as (

    select
        partition_date,
        horizon_days,
    from {{ ref('purchase_propensity') }}
    union all
    select
        partition_date,
        horizon_days,
    from {{ ref('churn_risk') }}
    union all
    select
        partition_date,
        horizon_days,
    from {{ ref('clv_predictions') }}

),

final as (

    select partition_date from partitions
    union
    select partition_date from horizons
    where partition_date + horizon_days in (select partition_date from partitions)
    union
    select partition_date from {{ ref('int_model_versions') }}
    where exists (select 1 from {{ ref('int_touched_identifiers') }})

)

select * from final
