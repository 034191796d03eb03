{{
    config(
        replace_key=['visitor_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_touchpoints'],
    )
}}

with

touched as (

    select * from {{ ref('int_touched_touchpoints') }}

),

dates as (

    select distinct {{ dates_before('report_date') }} as report_date
    from (select distinct report_date from touched) as touched_dates

),

sessions as (

    select
        session_id,
        visitor_id,
        last_event_user_id,
        report_date,
        channel,
        traffic_source,
        traffic_medium,
        utm_campaign,
        is_bot,
        started_at,
        ended_at,
    from {{ ref('fct_sessions') }}
    where visitor_id in (select visitor_id from touched)
        and report_date in (select report_date from dates)

),

-- Who begins at the same moment, by a tracker's own sessions, lends nothing.
lent as (

    select
        *,
        arg_max(session_id, {{ event_order('started_at', 'session_id') }}) filter (
            where channel <> 'Direct'
        ) over (
            partition by visitor_id, is_bot order by started_at
            range between {{ look_back() }} preceding and current row exclude ties
        ) as lender_id,
    from sessions

),

final as (

    select
        lent.* exclude (lender_id),
        lenders.session_id as last_non_direct_session_id,
        lenders.channel as last_non_direct_channel,
        lenders.traffic_source as last_non_direct_source,
        lenders.traffic_medium as last_non_direct_medium,
        lenders.utm_campaign as last_non_direct_campaign,
    from lent
    inner join sessions as lenders
        on coalesce(lent.lender_id, lent.session_id) = lenders.session_id
    where (lent.visitor_id, lent.report_date) in (select visitor_id, report_date from touched)

)

select * from final
