{{ config(meta={'dagster': {'ref': {'name': 'clv_predictions'}}}) }}

-- In the partitions of the run each person with an order by then has one prediction, between its
-- bounds, and one churn risk; no two have one rank. Who was erased leaves a gap in the ranks.
with

values_of_persons as (

    select
        partition_date,
        person_id,
        count(*) as value_rows,
        bool_and(
            coalesce(predicted_clv >= 0, true)
            and expected_orders >= 0
            and coalesce(predicted_clv between clv_low and clv_high, true)
            and coalesce(expected_orders between orders_low and orders_high, true)
            and first_order_date <= last_order_date
            and last_order_date <= partition_date
            and explanation is not null
        ) as is_sound,
    from {{ ref('clv_predictions') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})
    group by partition_date, person_id

),

risks as (

    select
        *,
        count(*) over (partition by partition_date, risk_rank) as rank_rows,
    from {{ ref('churn_risk') }}
    where partition_date in (select partition_date from {{ ref('int_touched_partitions') }})

),

risks_of_persons as (

    select
        partition_date,
        person_id,
        count(*) as risk_rows,
        bool_and(
            coalesce(churn_risk between 0 and 1, true)
            and coalesce(no_order_probability between 0 and 1, true)
            and days_since_last_order >= 0
            and rank_rows = 1
            and explanation is not null
        ) as is_sound,
    from risks
    group by partition_date, person_id

),

final as (

    select
        coalesce(values_of_persons.partition_date, risks_of_persons.partition_date)
            as partition_date,
        coalesce(values_of_persons.person_id, risks_of_persons.person_id) as person_id,
    from values_of_persons
    full outer join risks_of_persons
        on values_of_persons.partition_date = risks_of_persons.partition_date
        and values_of_persons.person_id = risks_of_persons.person_id
    where coalesce(values_of_persons.value_rows, 0) <> 1
        or coalesce(risks_of_persons.risk_rows, 0) <> 1
        or not values_of_persons.is_sound
        or not risks_of_persons.is_sound

)

select * from final
