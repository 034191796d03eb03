{{
    config(
        materialized='replace_touched',
        replace_key=['report_month'],
        touched=['int_touched_session_dates'],
    )
}}

with

paths as (

    select
        report_month,
        path,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(converting_sessions) as bigint) as converting_sessions,
    from {{ ref('int_path_days') }}
    where report_month in (select distinct report_month from {{ ref('int_touched_session_dates') }})
    group by report_month, path

),

ranked as (

    select
        report_month,
        row_number() over (partition by report_month order by sessions desc, path) as path_rank,
        path,
        sessions,
        converting_sessions,
        sum(sessions) over (partition by report_month) as all_sessions,
    from paths

),

final as (

    select
        report_month,
        path_rank,
        path,
        sessions,
        converting_sessions,
        {{ ratio_columns(of='top_paths') }}
    from ranked
    where path_rank <= {{ var('top_paths') }}

)

select * from final
