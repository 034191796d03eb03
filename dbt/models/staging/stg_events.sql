{{ config(as_view=true, pre_hook="{{ select_log_files() }}") }}

with

log_rows as (

    select * from {{ source('event_log', 'events') }}

),

event_types as (

    select
        event_name,
        is_sessionable,
        role,
    from {{ source('inputs', 'event_types') }}

),

settings as (

    select
        reporting_timezone,
        reporting_currency,
    from {{ source('inputs', 'settings') }}

),

rates as (

    select
        currency,
        valid_from,
        valid_to,
        rate,
    from {{ source('inputs', 'rates') }}

),

dated as (

    select
        log_rows.*,
        cast(log_rows.event_ts as date) as event_date,
        cast(
            timezone(settings.reporting_timezone, timezone('UTC', log_rows.event_ts)) as date
        ) as report_date,
        coalesce(log_rows.currency, settings.reporting_currency)
        = settings.reporting_currency as is_in_reporting_currency,
    from log_rows
    cross join settings

),

priced as (

    select
        dated.* exclude (is_in_reporting_currency),
        case
            when dated.is_in_reporting_currency then 1 else rates.rate
        end as currency_rate,
    from dated
    left join rates
        on dated.currency = rates.currency
        and dated.report_date >= rates.valid_from
        and dated.report_date < rates.valid_to

),

final as (

    select
        {{ event_key() }} as event_key,
        log_rows.*,
        case
            when log_rows.anonymous_id is not null
                then {{ hash_of(["'anonymous'", "log_rows.anonymous_id"]) }}
            when log_rows.device_id is not null
                then {{ hash_of(["'device'", "log_rows.device_id"]) }}
            when log_rows.user_id is not null
                then {{ hash_of(["'user'", "log_rows.user_id"]) }}
        end as visitor_id,
        coalesce(log_rows.anonymous_id, log_rows.device_id) is null
        and log_rows.user_id is not null as is_user_visitor,
        event_types.role,
        coalesce(event_types.is_sessionable, false)
        and coalesce(log_rows.anonymous_id, log_rows.device_id, log_rows.user_id) is not null
            as is_sessionable,
        event_types.event_name is null as is_unregistered,
        {{ in_reporting_currency('log_rows.price', 'log_rows.currency_rate') }} as reporting_price,
        {{ in_reporting_currency('log_rows.revenue', 'log_rows.currency_rate') }}
            as reporting_revenue,
    from priced as log_rows
    left join event_types on log_rows.event_name = event_types.event_name

)

select * from final
