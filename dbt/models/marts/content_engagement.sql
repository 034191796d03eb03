{{
    config(
        materialized='replace_touched',
        replace_key=['report_date'],
        touched=['int_touched_engagement_dates'],
    )
}}

with

views as (

    select
        *,
        {{ event_order('started_at') }} as view_order,
        coalesce(content_id, '(not set)') as viewed_content_id,
        -- Doubles would add up to something else in another order.
        cast(share_seen as decimal(18, 6)) as exact_share_seen,
        cast(dwell_s as decimal(18, 6)) as exact_dwell_s,
    from {{ ref('fct_content_views') }}
    where report_date in (select report_date from {{ ref('int_touched_engagement_dates') }})
        and not is_bot

),

counts as (

    select
        report_date,
        viewed_content_id as content_id,
        arg_max(content_type, view_order) filter (where content_type is not null)
            as content_type,
        count(*) as content_views,
        count(distinct visitor_id) as content_visitors,
        count(*) filter (where is_completed) as completions,
        count(exact_share_seen) as views_with_share,
        coalesce(sum(exact_share_seen), 0) as share_seen_sum,
        count(exact_dwell_s) as views_with_dwell,
        coalesce(sum(exact_dwell_s), 0) as dwell_s_sum,
    from views
    group by report_date, viewed_content_id

),

final as (

    select
        report_date,
        content_id,
        content_type,
        content_views,
        content_visitors,
        completions,
        views_with_share,
        cast(share_seen_sum as decimal(18, 6)) as share_seen_sum,
        views_with_dwell,
        cast(dwell_s_sum as decimal(18, 6)) as dwell_s_sum,
        {{ ratio_columns(of='content_engagement') }}
    from counts

)

select * from final
