{{
    config(
        replace_key=['partition_date'],
        touched=['int_touched_calibration'],
    )
}}

-- What a partition predicted against what had happened by the partition a horizon later, as that
-- one knew it; no row where that one has not been trained. Sums are of decimals, so that they do
-- not depend on the order of rows.
with

touched as (

    select partition_date from {{ ref('int_touched_calibration') }}

),

trained as (

    select distinct
        partition_date,
        family,
    from {{ ref('int_model_versions') }}

),

predictions as (

    select
        'purchase_propensity' as model,
        'purchase_propensity' as family,
        partition_date,
        partition_date + horizon_days as outcome_date,
        person_id,
        probability as predicted,
        model_version,
    from {{ ref('purchase_propensity') }}
    where partition_date in (select partition_date from touched)
    union all
    select
        'churn_risk' as model,
        'lifetime_value' as family,
        partition_date,
        partition_date + horizon_days as outcome_date,
        person_id,
        no_order_probability as predicted,
        model_version,
    from {{ ref('churn_risk') }}
    where partition_date in (select partition_date from touched)
    union all
    select
        'clv_predictions' as model,
        'lifetime_value' as family,
        partition_date,
        partition_date + horizon_days as outcome_date,
        person_id,
        expected_orders as predicted,
        model_version,
    from {{ ref('clv_predictions') }}
    where partition_date in (select partition_date from touched)

),

mature as (

    select predictions.*
    from predictions
    inner join trained
        on predictions.outcome_date = trained.partition_date
        and predictions.family = trained.family
    -- Too little history has no horizon; without a prediction there is nothing to compare.
    where predictions.outcome_date > predictions.partition_date
        and predictions.predicted is not null

),

ordered as (

    select
        partition_date,
        person_id,
    from {{ ref('purchase_outcomes') }}
    where partition_date in (select outcome_date from mature)

),

order_days as (

    select
        partition_date,
        person_id,
        order_days,
        last_order_date,
    from {{ ref('clv_predictions') }}
    where partition_date in (select outcome_date from mature)
        or partition_date in (select partition_date from mature)

),

-- A person has one row a partition in each of the three.
outcomes as (

    select
        mature.*,
        case mature.model
            when 'purchase_propensity' then cast(ordered.person_id is not null as integer)
            when 'churn_risk' then cast(later.last_order_date <= mature.partition_date as integer)
            -- A late order of before counts too, and one that was taken back lowers the number.
            else later.order_days - earlier.order_days
        end as observed,
    from mature
    left join ordered
        on mature.outcome_date = ordered.partition_date
        and mature.person_id = ordered.person_id
    left join order_days as later
        on mature.outcome_date = later.partition_date
        and mature.person_id = later.person_id
    left join order_days as earlier
        on mature.partition_date = earlier.partition_date
        and mature.person_id = earlier.person_id

),

-- Equal predictions fall into one group, by their mean rank.
ranked as (

    select
        *,
        rank() over (of_model order by predicted) - 0.5
        + (count(*) over (partition by partition_date, model, predicted) - 1) / 2 as mean_rank,
        count(*) over of_model as persons,
    from outcomes
    where observed is not null
    window of_model as (partition by partition_date, model)

),

measured as (

    select
        partition_date,
        model,
        least(9, cast(floor(mean_rank / persons * 10) as integer)) as tenth,
        count(*) as persons,
        sum(cast(predicted as decimal(38, 12))) as predicted,
        sum(observed) as observed,
        sum(cast(pow(predicted - observed, 2) as decimal(38, 12))) as squared_error,
    from ranked
    group by partition_date, model, tenth

),

whole as (

    select
        partition_date,
        model,
        sum(persons) as persons,
        sum(predicted) as predicted,
        sum(observed) as observed,
        sum(squared_error) as squared_error,
        sum(abs(predicted - observed)) as gaps,
        list(persons order by tenth) as group_persons,
        list(cast(predicted as double) / persons order by tenth) as group_predicted,
        list(cast(observed as double) / persons order by tenth) as group_observed,
    from measured
    group by partition_date, model

),

told as (

    select
        partition_date,
        model,
        min(outcome_date) as outcome_date,
        min(model_version) as model_version,
        count(*) filter (where observed is null) as persons_not_found,
    from outcomes
    group by partition_date, model

),

final as (

    select
        told.partition_date,
        told.model,
        told.outcome_date,
        cast(coalesce(whole.persons, 0) as bigint) as persons,
        told.persons_not_found,
        cast(whole.predicted as double) / whole.persons as mean_predicted,
        cast(whole.observed as double) / whole.persons as mean_observed,
        cast(whole.squared_error as double) / whole.persons as mean_squared_error,
        cast(whole.gaps as double) / whole.persons as calibration_error,
        whole.group_persons,
        whole.group_predicted,
        whole.group_observed,
        told.model_version,
    from told
    left join whole
        on told.partition_date = whole.partition_date
        and told.model = whole.model

)

select * from final
