-- The stored funnel entries to make again.
with

owner_dates as (

    select distinct
        funnels.funnel,
        owners.owner_id,
        cast(unnest(generate_series(
            cast(owners.report_date - funnels.reach_days as timestamp),
            cast(owners.report_date as timestamp),
            interval 1 day
        )) as date) as entry_date,
    from {{ ref('int_touched_owners') }} as owners
    inner join {{ ref('int_funnels') }} as funnels on owners.owner_kind = funnels.owner_kind

),

final as (

    select distinct
        funnel,
        owner_id,
        entry_date,
    from {{ state('fct_funnel_entries') }}
    where (funnel, owner_id, entry_date) in (select funnel, owner_id, entry_date from owner_dates)
        and entry_date in (select distinct entry_date from owner_dates)

)

select * from final
