-- When touched persons began: their first session, sign-up and order.
with

totals as (

    select
        person_id,
        first_session_date,
        first_sign_up_date,
        first_order_date,
        last_active_date,
    from {{ ref('int_person_totals') }}
    where person_id in (select person_id from {{ ref('int_touched_persons') }})

),

beginnings as (

    select
        person_id,
        'visit' as cohort_type,
        first_session_date as first_date,
        last_active_date,
    from totals
    union all
    select
        person_id,
        'sign_up' as cohort_type,
        first_sign_up_date as first_date,
        last_active_date,
    from totals
    union all
    select
        person_id,
        'order' as cohort_type,
        first_order_date as first_date,
        last_active_date,
    from totals

),

final as (

    select * from beginnings
    where first_date is not null

)

select * from final
