{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_session_dates'],
    )
}}

-- The whole way of each of a date's sessions; one that does the same thing again stays where it is.
with

walks as (

    select
        session_id,
        report_date,
        report_month,
        is_converting,
        place,
        state,
        lag(state) over (partition by session_id order by place) as state_before,
    from {{ ref('int_session_walks') }}

),

ways as (

    select
        report_date,
        report_month,
        is_converting,
        list(state order by place) as states,
    from walks
    where state is distinct from state_before
    group by session_id, report_date, report_month, is_converting

),

paths as (

    select
        report_date,
        report_month,
        is_converting,
        list_aggregate(states[1:{{ var('path_states') }}], 'string_agg', ' > ')
        || case when len(states) > {{ var('path_states') }} then ' > …' else '' end as path,
    from ways

),

final as (

    select
        report_date,
        report_month,
        path,
        count(*) as sessions,
        count(*) filter (where is_converting) as converting_sessions,
    from paths
    group by report_date, report_month, path

)

select * from final
