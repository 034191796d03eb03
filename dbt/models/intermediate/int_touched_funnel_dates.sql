with

final as (

    select distinct
        funnels.funnel,
        cast(unnest(generate_series(
            cast(dates.report_date - funnels.reach_days as timestamp),
            cast(dates.report_date as timestamp),
            interval 1 day
        )) as date) as entry_date,
    from (select distinct report_date from {{ ref('int_touched_owners') }}) as dates
    cross join {{ ref('int_funnels') }} as funnels

)

select * from final
