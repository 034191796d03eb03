{{ config(meta={'dagster': {'ref': {'name': 'fct_content_views'}}}) }}

-- The content events of a touched date's sessions are those that its views count, a view's key is
-- unique, and no share is beyond 1.
with

remade as (

    select
        event_key,
        event_date,
    from {{ ref('int_events_remade') }}
    where role = 'content'

),

views as (

    select
        event_key,
        event_count,
        share_seen,
        dwell_s,
    from {{ ref('fct_content_views') }}
    where event_key in (select event_key from remade)
        and event_date in (select distinct event_date from remade)

),

totals as (

    select
        count(*) as view_count,
        count(distinct event_key) as key_count,
        coalesce(sum(event_count), 0) as event_count,
        count(*) filter (where share_seen not between 0 and 1 or dwell_s < 0) as unsound_count,
    from views

),

final as (

    select totals.*
    from totals
    where key_count <> view_count
        or unsound_count > 0
        or event_count <> (select count(*) from remade)

)

select * from final
