{{
    config(
        pre_hook="{{ select_ml_files('bandit_policies') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
with

files as (

    select
        partition_date,
        list_id,
        position,
        policy,
        reward,
        method,
        is_better,
        value,
        ci_low,
        ci_high,
        standard_error,
        logged_value,
        difference,
        difference_low,
        difference_high,
        lift,
        aov_change,
        aov_change_low,
        aov_change_high,
        impressions,
        effective_impressions,
        effective_rewards,
        mean_weight,
        model_version,
    from {{ source('ml', 'bandit_policies') }}

)

select * from files
