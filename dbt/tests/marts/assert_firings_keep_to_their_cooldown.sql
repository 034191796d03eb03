{{ config(meta={'dagster': {'ref': {'name': 'trigger_firings'}}}) }}

-- No visitor fires a rule again within its cool-down, each firing is there once, on its date, and
-- rests on events. Touched visitors alone.
with

firings as (

    select
        *,
        lag(fired_at) over (
            partition by rule, visitor_id order by fired_at, firing_id
        ) as previous_fired_at,
    from {{ ref('trigger_firings') }}
    where (rule, visitor_id) in (select rule, visitor_id from {{ ref('int_touched_triggers') }})

),

final as (

    select firings.firing_id
    from firings
    inner join {{ ref('int_triggers') }} as rules on firings.rule = rules.rule
    where firings.fired_at < firings.previous_fired_at + to_seconds(rules.cooldown_s)
        or len(firings.evidence_event_keys) = 0
        or firings.person_id is null

)

select * from final
