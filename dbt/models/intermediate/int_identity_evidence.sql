{{
    config(
        materialized='replace_touched',
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_event_copies'],
    )
}}

with

winners as (

    select
        event_key,
        visitor_id,
        user_id,
        event_ts,
        event_date,
        arrival_date,
        coalesce(role = 'logout', false) as is_logout,
    from {{ ref('int_event_copies') }}
    where copy_number = 1 and user_id is not null and not is_user_visitor

)

select * from winners
