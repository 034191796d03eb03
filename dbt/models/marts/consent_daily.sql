{{ config(materialized='made_view') }}

-- A view over what persons answered: a person's answer counts for every date from its own on, so
-- that one more would change as many rows as there are dates since.
with

as_of as (

    {{ latest_closed_date() }}

),

consents as (

    select * from {{ ref_beside('int_person_consents') }}

),

answers as (

    {{ person_answers('consents') }}

),

date_ends as (

    select
        person_id,
        purpose,
        report_date,
        arg_max(is_granted, statement_order) as is_granted,
    from answers
    group by person_id, purpose, report_date

),

changes as (

    select
        purpose,
        report_date,
        is_granted,
        lag(is_granted) over (
            partition by person_id, purpose order by report_date
        ) as was_granted,
    from date_ends

),

moves as (

    select
        purpose,
        report_date,
        count(*) filter (where is_granted and not coalesce(was_granted, false)) as grants,
        count(*) filter (where not is_granted and was_granted) as withdrawals,
        count(*) filter (where was_granted is null) as first_answers,
    from changes
    group by purpose, report_date

),

calendar as (

    select
        moves.purpose,
        cast(unnest(generate_series(
            cast(min(moves.report_date) as timestamp),
            cast(
                greatest(max(max(moves.report_date)) over (), any_value(as_of.as_of_date))
                as timestamp
            ),
            interval 1 day
        )) as date) as report_date,
    from moves
    cross join as_of
    group by moves.purpose

),

daily as (

    select
        calendar.report_date,
        calendar.purpose,
        coalesce(moves.grants, 0) as grants,
        coalesce(moves.withdrawals, 0) as withdrawals,
        cast(
            sum(coalesce(moves.grants, 0) - coalesce(moves.withdrawals, 0)) over (
                partition by calendar.purpose order by calendar.report_date
            ) as bigint
        ) as consenting_persons,
        cast(
            sum(coalesce(moves.first_answers, 0)) over (
                partition by calendar.purpose order by calendar.report_date
            ) as bigint
        ) as answering_persons,
    from calendar
    left join moves
        on calendar.purpose = moves.purpose
        and calendar.report_date = moves.report_date

),

final as (

    select
        report_date,
        purpose,
        consenting_persons,
        answering_persons - consenting_persons as refusing_persons,
        answering_persons,
        grants,
        withdrawals,
        {{ ratio_columns(of='consent_daily') }}
    from daily

)

select * from final
