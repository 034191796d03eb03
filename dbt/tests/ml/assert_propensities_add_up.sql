{{ config(meta={'dagster': {'ref': {'name': 'purchase_propensity'}}}) }}

-- In the partitions of the run each person has one probability, and where a model gave it, the base
-- and the contributions add up to its log-odds.
with

scores as (

    select
        *,
        count(*) over (partition by partition_date, person_id) as row_count,
        base_log_odds + list_sum(contributions) as log_odds,
    from {{ ref('purchase_propensity') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        partition_date,
        person_id,
    from scores
    where row_count > 1
        or not coalesce(probability between 0 and 1, is_baseline)
        or explanation is null
        or (
            not is_baseline
            and not coalesce(abs(probability - 1 / (1 + exp(-log_odds))) < 1e-9, false)
        )

)

select * from final
