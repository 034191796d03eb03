{{ config(meta={'dagster': {'ref': {'name': 'fct_touchpoints'}}}) }}

-- Each session is a touchpoint once, and only Direct ones borrow. Touched visitors' dates alone.
with

touched as (

    select * from {{ ref('int_touched_touchpoints') }}

),

sessions as (

    select
        session_id,
        channel,
    from {{ ref('fct_sessions') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

),

touchpoints as (

    select
        session_id,
        channel,
        last_non_direct_session_id,
        last_non_direct_channel,
    from {{ ref('fct_touchpoints') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)

),

final as (

    select
        sessions.session_id as expected_session_id,
        touchpoints.*,
    from sessions
    full join touchpoints on sessions.session_id = touchpoints.session_id
    where sessions.session_id is null
        or touchpoints.session_id is null
        or sessions.channel <> touchpoints.channel
        or (
            touchpoints.channel <> 'Direct'
            and touchpoints.last_non_direct_session_id <> touchpoints.session_id
        )
        or (
            touchpoints.last_non_direct_channel = 'Direct'
            and touchpoints.last_non_direct_session_id <> touchpoints.session_id
        )

)

select * from final
