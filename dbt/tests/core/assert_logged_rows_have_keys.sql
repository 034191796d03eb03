{{ config(meta={'dagster': {'ref': {'name': 'fct_events'}}}) }}

-- Every row of the work set can be named, placed in time and traced to its line in a landed file.
-- depends_on: {{ ref('fct_events') }}
with

final as (

    select
        source_file,
        source_line,
    from {{ ref('int_event_copies') }}
    where event_key is null
        or event_name is null
        or event_ts is null
        or source is null
        or source_file is null
        or source_line is null
        or (is_sessionable and visitor_id is null)

)

select * from final
