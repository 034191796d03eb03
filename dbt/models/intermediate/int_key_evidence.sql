{{
    config(
        materialized='replace_touched',
        replace_key=['event_key'],
        prune_by='event_date',
        touched=['int_event_copies'],
    )
}}

with

final as (

    select
        event_key,
        user_id,
        key_kind,
        key_id,
        event_ts,
        event_date,
        arrival_date,
    from {{ ref('int_key_copies') }}
    where copy_number = 1

)

select * from final
