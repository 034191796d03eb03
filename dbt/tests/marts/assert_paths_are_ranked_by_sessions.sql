{{ config(meta={'dagster': {'ref': {'name': 'top_paths'}}}) }}

-- Ranks of a month go up by one as sessions go down, and no path has more orders than sessions or
-- more sessions than the month's transitions out of (start).
with

paths as (

    select
        *,
        row_number() over (partition by report_month order by sessions desc, path) as expected_rank,
        sum(sessions) over (partition by report_month) as ranked_sessions,
    from {{ ref('top_paths') }}
    where report_month in (select report_month from {{ ref('int_touched_session_dates') }})

),

months as (

    select
        report_month,
        sum(count) as sessions,
    from {{ ref('behaviour_transitions') }}
    where state = '(start)'
    group by report_month

)

select paths.*
from paths
left join months on paths.report_month = months.report_month
where paths.path_rank <> paths.expected_rank
    or paths.converting_sessions > paths.sessions
    or coalesce(months.sessions, 0) < paths.ranked_sessions
