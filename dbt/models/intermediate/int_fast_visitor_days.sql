{{
    config(
        materialized='replace_touched',
        replace_key=['visitor_id', 'event_date'],
        prune_by='event_date',
        touched=['int_view_copies'],
    )
}}

with

settings as (

    select max_views_per_minute from {{ source('inputs', 'settings') }}

),

copies as (

    select * from {{ ref('int_view_copies') }}

),

-- Few minutes have so many copies: only theirs are looked at one by one.
crowded as (

    select
        copies.visitor_id,
        copies.viewed_minute,
    from copies
    cross join settings
    group by copies.visitor_id, copies.viewed_minute
    having count(*) > max(settings.max_views_per_minute)

),

arrivals as (

    select
        visitor_id,
        event_date,
        viewed_minute,
        event_key,
        min(arrival_date) as arrival_date,
    from copies
    where (visitor_id, viewed_minute) in (select (visitor_id, viewed_minute) from crowded)
    group by visitor_id, event_date, viewed_minute, event_key

),

numbered as (

    select
        *,
        row_number() over (
            partition by visitor_id, viewed_minute order by arrival_date, event_key
        ) as view_number,
    from arrivals

),

final as (

    select
        numbered.visitor_id,
        numbered.event_date,
        max(numbered.view_number) as peak_views_per_minute,
        min(numbered.arrival_date) filter (
            where numbered.view_number > settings.max_views_per_minute
        ) as fast_from_arrival_date,
    from numbered
    cross join settings
    group by numbered.visitor_id, numbered.event_date
    having max(numbered.view_number) > max(settings.max_views_per_minute)

)

select * from final
