{{ config(meta={'dagster': {'ref': {'name': 'fct_refunds'}}}) }}

-- Each touched winner of role refund stands once, with an amount that is not negative, and
-- nothing else does.
with

copies as (

    select
        event_key,
        event_date,
        role = 'refund' and copy_number = 1 as is_refund,
    from {{ ref('int_event_copies') }}

),

refunds as (

    select
        event_key,
        amount,
    from {{ ref('fct_refunds') }}
    where event_key in (select event_key from copies)
        and event_date in (select distinct event_date from copies)

),

expected as (

    select event_key from copies
    where is_refund

),

final as (

    select coalesce(expected.event_key, refunds.event_key) as event_key
    from expected
    full join refunds on expected.event_key = refunds.event_key
    group by coalesce(expected.event_key, refunds.event_key)
    having count(*) > 1
        or count(expected.event_key) <> count(refunds.event_key)
        or min(refunds.amount) < 0

)

select * from final
