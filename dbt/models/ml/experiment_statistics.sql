{{
    config(
        pre_hook="{{ select_ml_files('experiment_statistics') }}",
        replace_key=['partition_date'],
        touched=['int_touched_partitions'],
    )
}}

-- depends_on: {{ ref('int_touched_partitions') }}
with

files as (

    select
        partition_date,
        experiment,
        metric,
        segment,
        variant,
        control,
        policy,
        is_control,
        units,
        control_units,
        contaminated_units,
        mean,
        control_mean,
        difference,
        standard_error,
        lift,
        ci_low,
        ci_high,
        p_value,
        p_value_adjusted,
        sequential_low,
        sequential_high,
        p_value_sequential,
        p_value_sequential_adjusted,
        srm_p_value,
        variance_reduction,
        first_exposed_at,
        last_exposed_at,
        method,
        model_version,
    from {{ source('ml', 'experiment_statistics') }}

)

select * from files
