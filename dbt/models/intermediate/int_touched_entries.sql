-- The stored funnel entries to make again.
with

owners as (

    select
        funnels.funnel,
        owners.owner_id,
        owners.report_date,
        funnels.reach_days,
    from {{ ref('int_touched_owners') }} as owners
    inner join {{ ref('int_funnels') }} as funnels on owners.owner_kind = funnels.owner_kind

),

final as (

    select distinct
        entries.funnel,
        entries.owner_id,
        entries.entry_date,
    from {{ state('fct_funnel_entries') }} as entries
    inner join owners
        on entries.funnel = owners.funnel
        and entries.owner_id = owners.owner_id
        and entries.entry_date between owners.report_date - owners.reach_days and owners.report_date

)

select * from final
