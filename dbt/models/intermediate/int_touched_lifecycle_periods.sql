-- The periods in which other persons may have been active, and those after them: who is active in
-- a period decides who returns in the next.
with

own as (

    select distinct
        periods.period,
        {{ period_start('periods.period', 'touched.report_date') }} as active_date,
    from {{ ref('int_touched_persons') }} as touched
    cross join ({{ retention_periods() }}) as periods

),

final as (

    select
        period,
        active_date,
    from own
    union
    select
        period,
        {{ period_after('period', 'active_date', 1) }} as active_date,
    from own

)

select * from final
