-- The stored firings to make again: all from the first touched date of a visitor on, since each
-- holds back those after it.
with

starts as (

    select
        rule,
        visitor_id,
        min(event_date) as first_date,
    from {{ ref('int_touched_triggers') }}
    group by rule, visitor_id

),

final as (

    select
        firings.rule,
        firings.visitor_id,
        firings.fired_at,
        firings.report_date,
    from {{ state('int_trigger_firings') }} as firings
    inner join starts
        on firings.rule = starts.rule
        and firings.visitor_id = starts.visitor_id
        and firings.fired_at >= starts.first_date

)

select * from final
