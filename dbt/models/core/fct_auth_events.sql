{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_event_copies']) }}

with

winners as (

    select * from {{ ref('int_event_copies') }}
    where copy_number = 1 and role in ('login', 'login_failed', 'logout', 'password_change')

),

final as (

    select
        event_key,
        source,
        role as action,
        user_id,
        visitor_id,
        device_id,
        ip_truncated,
        country,
        device_type,
        os,
        browser,
        properties ->> '$.method' as method,
        properties ->> '$.failure_reason' as failure_reason,
        event_date,
        report_date,
        is_bot,
        try_cast(properties ->> '$.is_mfa' as boolean) as is_mfa,
        coalesce(try_cast(properties ->> '$.occurrences' as bigint), 1) as occurrences,
        event_ts as occurred_at,
    from winners

)

select * from final
