{{ config(meta={'dagster': {'ref': {'name': 'model_versions'}}}) }}

-- In the partitions of the run each model has one version, and every version that an output names
-- is among them. Partitions of before versions were kept have none.
with

versions as (

    select
        partition_date,
        model,
        model_version,
        champion_since_date,
        gate_reason,
    from {{ ref('model_versions') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

named as (

    {% for output in [
        'recommendations', 'similar_products', 'anomaly_scores', 'experiment_statistics',
        'clv_predictions', 'churn_risk', 'purchase_propensity', 'next_products', 'bandit_policies',
    ] %}
    select distinct
        partition_date,
        model_version,
        '{{ output }}' as named_by,
    from {{ ref(output) }}
    where partition_date in (select partition_date from versions)
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
    union all
    -- What the next day says is of the version of the day before.
    select distinct
        partition_date,
        model_version,
        'model_metrics' as named_by,
    from {{ ref('model_metrics') }}
    where partition_date in (select partition_date from versions)
        and not starts_with(metric, 'next_day_')

),

final as (

    select
        partition_date,
        model as subject,
    from versions
    group by partition_date, model
    having count(*) > 1
        or bool_or(gate_reason is null)
        or bool_or(champion_since_date > partition_date)
    union all
    select
        named.partition_date,
        named.named_by as subject,
    from named
    left join versions
        on named.partition_date = versions.partition_date
        and named.model_version = versions.model_version
    where versions.model_version is null

)

select * from final
