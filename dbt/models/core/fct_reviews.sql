{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_events_sessionized']) }}

with

events as (

    select * from {{ ref('int_events_remade') }}
    where role = 'review'

),

lines as (

    {{ event_lines('events', [
        'event_key', 'event_ts', 'event_date', 'report_date', 'source', 'visitor_id', 'user_id',
        'session_id', 'is_bot', 'properties',
    ]) }}

),

rated as (

    select
        *,
        properties ->> '$.review_id' as review_id,
        try_cast(properties ->> '$.rating' as decimal(18, 4)) as stated_rating,
    from lines
    where product_id is not null

),

final as (

    select
        event_key,
        line_number,
        source,
        review_id,
        visitor_id,
        user_id,
        session_id,
        product_id,
        event_date,
        report_date,
        is_bot,
        case when stated_rating between 1 and 5 then stated_rating end as rating,
        coalesce(
            stated_rating between 1 and 5 and stated_rating <= {{ var('negative_rating') }}, false
        ) as is_negative,
        event_ts as reviewed_at,
    from rated

)

select * from final
