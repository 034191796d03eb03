{{ config(meta={'dagster': {'ref': {'name': 'consent_daily'}}}) }}

-- Of each purpose some date at the end has all persons who ever answered about it, nobody both
-- consents and refuses, and what is granted less what is withdrawn is who consents.
with

daily as (

    select
        report_date,
        purpose,
        consenting_persons,
        refusing_persons,
        answering_persons,
        grants,
        withdrawals,
        lag(consenting_persons, 1, 0) over (
            partition by purpose order by report_date
        ) as consenting_before,
    from {{ ref('consent_daily') }}

),

answered as (

    select
        purpose,
        count(distinct person_id) as person_count,
    from {{ ref('int_person_consents') }}
    where purpose is not null
    group by purpose

),

final as (

    select
        daily.purpose,
        daily.report_date,
    from daily
    where daily.consenting_persons < 0
        or daily.refusing_persons < 0
        or daily.consenting_persons <> daily.consenting_before + daily.grants - daily.withdrawals
    union all
    select
        answered.purpose,
        cast(null as date) as report_date,
    from answered
    left join daily on answered.purpose = daily.purpose
    group by answered.purpose
    having max(daily.answering_persons) is distinct from max(answered.person_count)

)

select * from final
