{{ config(meta={'dagster': {'ref': {'name': 'fct_funnel_entries'}}}) }}

-- A unit enters a funnel once a touched date, reaches a step that exists, and takes its steps in
-- order of time within the window.
with

dates as (

    select
        funnel,
        entry_date,
    from {{ ref('int_touched_funnel_dates') }}

),

entries as (

    select
        *,
        count(*) over (partition by funnel, unit_id, entry_date) as row_count,
    from {{ ref('fct_funnel_entries') }}
    where (funnel, entry_date) in (select funnel, entry_date from dates)
        and entry_date in (select distinct entry_date from dates)

),

final as (

    select
        entries.funnel,
        entries.unit_id,
        entries.entry_date,
        entries.reached,
        entries.step_at,
    from entries
    inner join {{ ref('int_funnels') }} as funnels on entries.funnel = funnels.funnel
    where entries.row_count > 1
        or entries.reached not between 1 and funnels.step_count
        or (entries.step_at is null) <> (funnels.mode = 'any')
        or len(entries.step_at) <> entries.reached
        or entries.step_at <> list_sort(entries.step_at)
        or entries.step_at[1] <> entries.entered_at
        or entries.step_at[-1] > entries.entered_at + to_seconds(funnels.window_s)

)

select * from final
