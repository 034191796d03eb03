-- The dates on which other things may bear on a rule than before, by every copy of the run's
-- events: one that lost its place said something else of somebody else.
with

final as (

    select distinct
        rules.rule,
        copies.visitor_id,
        copies.event_date,
    from {{ ref('int_event_copies') }} as copies
    cross join {{ ref('int_triggers') }} as rules
    where copies.visitor_id is not null
        and copies.role in ('product_view', 'review')

)

select * from final
