{{ config(materialized='made_view') }}

-- Since when something is served depends on the partitions before, which may be made in any order:
-- so it is worked out at reading, over a few rows a day.
with

versions as (

    select * from {{ ref_beside('int_model_versions') }}

),

compared as (

    select
        *,
        -- The first has none before it.
        coalesce(
            served <> lag(served) over of_model or champion <> lag(champion) over of_model, false
        ) as is_champion_changed,
    from versions
    window of_model as (partition by model order by partition_date)

),

reigns as (

    select
        *,
        count(*) filter (where is_champion_changed) over (
            partition by model order by partition_date
        ) as reign,
    from compared

),

final as (

    select
        partition_date,
        family,
        model,
        model_version,
        code_version,
        served,
        champion,
        is_champion_changed,
        min(partition_date) over (partition by model, reign) as champion_since_date,
        gate_metric,
        gate_value,
        gate_baseline_value,
        gate_standard_error,
        gate_units,
        gate_reason,
        data_from,
        data_to,
        data_counts,
        data_fingerprint,
        params_sha256,
        log_sha256,
        card_path,
    from reigns

)

select * from final
