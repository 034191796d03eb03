-- One row a funnel; `reach_days` is how many dates before a touched one an entry can still feel it.
with

final as (

    select
        funnel,
        any_value(mode) as mode,
        any_value(unit) as unit,
        any_value(window_s) as window_s,
        any_value(hold) as hold,
        count(*) as step_count,
        list(distinct event_name order by event_name) as event_names,
        any_value(excluded) as excluded_names,
        case when any_value(unit) = 'person' then 'person' else 'visitor' end as owner_kind,
        cast(any_value(window_s) // 86400 + 1 as integer) as reach_days,
    from {{ source('inputs', 'funnels') }}
    group by funnel

)

select * from final
