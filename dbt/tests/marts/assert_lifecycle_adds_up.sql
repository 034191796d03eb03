{{ config(meta={'dagster': {'ref': {'name': 'lifecycle'}}}) }}

-- Who is active is new, returning or resurrected, and nobody returns who was not active before.
-- Touched periods alone.
with

touched as (

    select
        period,
        active_date,
    from {{ ref('int_touched_lifecycle_periods') }}

),

final as (

    select *
    from {{ ref('lifecycle') }}
    where (period, period_start) in (select period, active_date from touched)
        and least(new_persons, returning_persons, resurrected_persons, dormant_persons) < 0

)

select * from final
