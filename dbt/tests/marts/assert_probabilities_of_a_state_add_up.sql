{{ config(meta={'dagster': {'ref': {'name': 'behaviour_transitions'}}}) }}

-- What sessions do next after a state, whatever it is, adds up to all of them; and every step into
-- a state is followed by one out of it.
with

touched as (

    select distinct report_month from {{ ref('int_touched_session_dates') }}

),

steps as (

    select * from {{ ref('behaviour_transitions') }}
    where report_month in (select report_month from touched)

),

left_states as (

    select
        report_month,
        state,
        sum(count) as steps_out,
        sum(probability) as probability,
    from steps
    group by report_month, state

),

entered_states as (

    select
        report_month,
        next_state as state,
        sum(count) as steps_in,
    from steps
    where next_state <> '(exit)'
    group by report_month, next_state

)

select left_states.*
from left_states
left join entered_states
    on left_states.report_month = entered_states.report_month
    and left_states.state = entered_states.state
where abs(left_states.probability - 1) > 1e-9
    or (
        left_states.state <> '(start)'
        and left_states.steps_out is distinct from entered_states.steps_in
    )
