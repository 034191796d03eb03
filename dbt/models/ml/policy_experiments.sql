{{ config(materialized='made_view') }}

{% set z_95 = 1.959964 %}

-- What a policy was expected to do to the average order value, by the last partition before anybody
-- met the experiment that tries it, and what the experiment has found.
with

statistics as (

    select
        *,
        min(cast(first_exposed_at as date)) over (
            partition by partition_date, experiment
        ) as began_on,
    from {{ ref_beside('experiment_statistics') }}
    where metric = 'aov'
        and segment = 'all'

),

expectations as (

    select
        partition_date,
        policy,
        aov_change,
        aov_change_low,
        aov_change_high,
        (aov_change_high - aov_change_low) / (2 * {{ z_95 }}) as standard_error,
    from {{ ref_beside('bandit_policies') }}
    where list_id = '(all)'
        and reward = 'revenue'
        and method = 'DR'

),

-- A partition of each experiment has the expectation of the latest one before it began, if any.
paired as (

    select
        statistics.partition_date,
        statistics.experiment,
        statistics.variant,
        statistics.policy,
        statistics.began_on,
        statistics.units,
        statistics.control_units,
        statistics.difference,
        statistics.standard_error,
        expectations.partition_date as expected_as_of_date,
        expectations.aov_change as expected_change,
        expectations.aov_change_low as expected_low,
        expectations.aov_change_high as expected_high,
        expectations.standard_error as expected_standard_error,
    from statistics
    left join expectations
        on statistics.policy = expectations.policy
        and statistics.began_on > expectations.partition_date
    where statistics.policy is not null
        and not statistics.is_control
    qualify
        row_number() over (
            partition by statistics.partition_date, statistics.experiment, statistics.variant
            order by expectations.partition_date desc nulls last
        ) = 1

),

final as (

    select
        partition_date,
        experiment,
        variant,
        policy,
        began_on,
        expected_as_of_date,
        expected_change,
        expected_low,
        expected_high,
        difference as found_change,
        difference - {{ z_95 }} * standard_error as found_low,
        difference + {{ z_95 }} * standard_error as found_high,
        difference - expected_change as surprise,
        abs(difference - expected_change)
        <= {{ z_95 }} * sqrt(standard_error ^ 2 + expected_standard_error ^ 2) as is_as_expected,
        units,
        control_units,
    from paired

)

select * from final
