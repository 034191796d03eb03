{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_event_copies']) }}

with

winners as (

    select
        event_key,
        properties ->> '$.experiment_id' as experiment,
        properties ->> '$.variant_id' as variant,
        event_ts,
        event_date,
        report_date,
        arrival_date,
        source,
        visitor_id,
        user_id,
        device_type,
        country,
        is_bot,
    from {{ ref('int_event_copies') }}
    where copy_number = 1 and role = 'experiment'

),

final as (

    select * from winners
    where experiment is not null and variant is not null

)

select * from final
