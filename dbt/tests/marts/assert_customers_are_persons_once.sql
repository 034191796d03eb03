{{ config(meta={'dagster': {'ref': {'name': 'customer_360'}}}) }}

-- One row a person with an event that is no bot's and who was not erased, and scores from 1 to 5
-- for exactly those who ordered. The table has a row a person and is made whole in every run.
with

customers as (

    select
        person_id,
        count(*) as row_count,
        bool_and(
            (order_count > 0) = (frequency_score is not null)
            and coalesce(recency_score between 1 and 5, true)
            and coalesce(frequency_score between 1 and 5, true)
            and coalesce(monetary_score between 1 and 5, true)
            and first_seen_at <= last_seen_at
        ) as is_sound,
    from {{ ref('customer_360') }}
    group by person_id

),

totals as (

    select person_id from {{ ref('int_person_totals') }}
    where event_count > 0
        and person_id not in (select person_id from {{ ref('int_erased_persons') }})

),

final as (

    select coalesce(totals.person_id, customers.person_id) as person_id
    from totals
    full join customers on totals.person_id = customers.person_id
    where totals.person_id is null
        or customers.person_id is null
        or customers.row_count > 1
        or not customers.is_sound

)

select * from final
