{{
    config(
        materialized='replace_touched',
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_event_copies', 'int_cart_actions_remade'],
    )
}}

-- depends_on: {{ ref('int_event_copies') }}, {{ ref('int_cart_actions_remade') }}
-- When a cart was first left alone for as long as a rule waits, with more in it than the rule asks
-- for; whether it is by now is for those to say who read it. What comes after, be it an order, is
-- no matter of this moment: else no answer could ever be seen to work.
with

rules as (

    select
        rule,
        value_over,
        window_s,
    from {{ ref('int_triggers') }}
    where condition = 'idle_cart'

),

settings as (

    select reporting_timezone
    from {{ source('inputs', 'settings') }}

),

steps as (

    select * from {{ ref('int_cart_steps') }}

),

carts as (

    select
        cart_key,
        ordered_at,
    from {{ ref('int_carts') }}
    where cart_key in (select cart_key from steps)
        and opened_date in (select distinct event_date from steps)
        and not is_bot

),

followed as (

    select
        steps.*,
        coalesce(
            lead(steps.event_ts) over (partition by steps.cart_key order by steps.step_number),
            carts.ordered_at
        ) as next_at,
        list(steps.event_key) over (
            partition by steps.cart_key order by steps.step_number rows unbounded preceding
        ) as event_keys,
    from steps
    inner join carts on steps.cart_key = carts.cart_key

),

first_pauses as (

    select
        followed.*,
        rules.rule,
        followed.event_ts + to_seconds(rules.window_s) as fired_at,
    from followed
    cross join rules
    where followed.value > rules.value_over
        and (
            followed.next_at is null
            or followed.next_at > followed.event_ts + to_seconds(rules.window_s)
        )
    qualify row_number() over (
            partition by rules.rule, followed.cart_key order by followed.step_number
        ) = 1

),

final as (

    select
        first_pauses.rule,
        first_pauses.cart_key,
        first_pauses.event_key,
        first_pauses.event_date,
        first_pauses.visitor_id,
        first_pauses.user_id,
        cast(
            timezone(settings.reporting_timezone, timezone('UTC', first_pauses.fired_at)) as date
        ) as report_date,
        first_pauses.value,
        first_pauses.event_ts as acted_at,
        first_pauses.fired_at,
        first_pauses.event_keys as evidence_event_keys,
    from first_pauses
    cross join settings
    where first_pauses.visitor_id is not null

)

select * from final
