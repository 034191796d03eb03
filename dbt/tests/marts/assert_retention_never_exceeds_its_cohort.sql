{{ config(meta={'dagster': {'ref': {'name': 'retention_cohorts'}}}) }}

-- Nobody is retained who is not in the cohort, whoever came in a period came in it or later, and
-- rolling retention never rises. Cohorts of touched persons alone.
with

touched as (

    select distinct
        cohort_type,
        first_date,
    from {{ ref('int_person_cohorts') }}
    where person_id in (select person_id from {{ ref('int_touched_persons') }})

),

retention as (

    select
        cohort_type,
        mode,
        period,
        cohort_date,
        "offset" as place,
        cohort_size,
        retained,
    from {{ ref('retention_cohorts') }}
    where period = 'day'
        and (cohort_type, cohort_date) in (select cohort_type, first_date from touched)

),

final as (

    select
        bounded.*,
        rolling.retained as rolling_retained,
    from retention as bounded
    inner join retention as rolling
        on bounded.cohort_type = rolling.cohort_type
        and bounded.cohort_date = rolling.cohort_date
        and bounded.place = rolling.place
        and rolling.mode = 'rolling'
    left join retention as before
        on rolling.cohort_type = before.cohort_type
        and rolling.cohort_date = before.cohort_date
        and rolling.place = before.place + 1
        and before.mode = 'rolling'
    where bounded.mode = 'bounded'
        and (
            bounded.retained > rolling.retained
            or rolling.retained > coalesce(before.retained, rolling.cohort_size)
        )

)

select * from final
