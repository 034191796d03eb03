{{ config(meta={'dagster': {'ref': {'name': 'bandit_policies'}}}) }}

-- In the partitions of the run a policy has one value a slot, reward and method, in its interval;
-- what it differs from is the log's own value.
with

policy_values as (

    select
        *,
        count(*) over (
            partition by partition_date, list_id, position, policy, reward, method
        ) as row_count,
    from {{ ref('bandit_policies') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

final as (

    select
        partition_date,
        list_id,
        position,
        policy,
        reward,
        method,
    from policy_values
    where row_count > 1
        or is_better is null
        or not coalesce(value between ci_low and ci_high, true)
        or not coalesce(abs(value - logged_value - difference) < 1e-9 * (1 + abs(value)), true)
        or not coalesce(difference between difference_low and difference_high, true)
        or not coalesce(aov_change between aov_change_low and aov_change_high, true)
        or (ci_low is null) <> (ci_high is null)
        or not coalesce(effective_impressions between 0 and impressions + 1e-6, false)
        or (is_better and not coalesce(difference_low > 0, false))
        or (reward <> 'revenue' and aov_change is not null)

)

select * from final
