{{ config(pre_hook="{{ select_log_files() }}") }}

-- The copies of views, winners or not, of each visitor's UTC date on which this run has one. Copies
-- never vanish, so whoever was too fast stays so. Nothing where no rate is set.
with

settings as (

    select max_views_per_minute from {{ source('inputs', 'settings') }}
    where max_views_per_minute > 0

),

views as (

    select
        events.event_key,
        events.visitor_id,
        events.event_date,
        date_trunc('minute', events.event_ts) as viewed_minute,
        events.arrival_date,
    from {{ ref('stg_events') }} as events
    cross join settings
    where events.role in ('page_view', 'product_view')
        and events.visitor_id is not null

),

-- As in int_event_copies, what is stored of the work set is in the log as well.
stored as (

    select
        event_key,
        visitor_id,
        event_date,
        role,
        event_ts,
        arrival_date,
    from {{ state('fct_events') }}
    where visitor_id in (select visitor_id from views)
        and event_date in (select distinct event_date from views)
        and arrival_date not in (select arrival_date from {{ ref('int_work_set') }})
    union all
    select
        event_key,
        visitor_id,
        event_date,
        role,
        event_ts,
        arrival_date,
    from {{ state('fct_event_duplicates') }}
    -- By dates alone: a key beside them would have the whole small table read.
    where event_date in (select distinct event_date from views)
        and arrival_date not in (select arrival_date from {{ ref('int_work_set') }})

),

final as (

    select
        *,
        false as is_stored,
    from views
    union all
    select
        event_key,
        visitor_id,
        event_date,
        date_trunc('minute', event_ts) as viewed_minute,
        arrival_date,
        true as is_stored,
    from stored
    where role in ('page_view', 'product_view')
        and (visitor_id, event_date) in (select (visitor_id, event_date) from views)

)

select * from final
