{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}

-- A source is named once, in lower case, and is of a kind that channels know. The seed itself is no
-- asset, so its test stands at the sessions that read it.
-- depends_on: {{ ref('fct_sessions') }}
with

hosts as (

    select
        host,
        count(*) as row_count,
        bool_and(coalesce(kind in ('search', 'social', 'shopping', 'video'), false)) as is_known,
    from {{ ref('referrer_hosts') }}
    group by host

)

select * from hosts
where row_count > 1 or not is_known or host is null or host <> lower(host)
