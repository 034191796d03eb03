{{
    config(
        materialized='replace_touched',
        replace_key=['report_month'],
        touched=['int_touched_months'],
    )
}}

-- By how much fewer journeys of a month would end in an order without a channel.
with

months as (

    select report_month from {{ ref('int_touched_months') }}

),

month_dates as (

    {{ dates_of_months('months') }}

),

journeys as (

    select
        order_key as journey_id,
        {{ month_of('report_date') }} as report_month,
        position,
        channel,
        true as is_converting,
    from {{ ref('int_order_touches') }}
    where report_date in (select report_date from month_dates)
    union all
    select
        person_id as journey_id,
        report_month,
        position,
        channel,
        false as is_converting,
    from {{ ref('int_lost_touches') }}
    where report_month in (select report_month from months)

),

channels as (

    select
        report_month,
        channel,
        cast(
            row_number() over (partition by report_month order by channel) as integer
        ) as state,
    from journeys
    group by report_month, channel

),

numbered as (

    select
        journeys.report_month,
        channels.state,
        lag(channels.state) over journey as state_before,
        lead(channels.state) over journey is null and journeys.is_converting as is_end,
    from journeys
    inner join channels
        on journeys.report_month = channels.report_month
        and journeys.channel = channels.channel
    window journey as (
        partition by journeys.report_month, journeys.is_converting, journeys.journey_id
        order by journeys.position
    )

),

-- Who goes nowhere is left out of the steps, and counts in what they are parts of.
steps as (

    select
        report_month,
        coalesce(state_before, 0) as state,
        state as next_state,
    from numbered
    union all
    select
        report_month,
        state,
        -1 as next_state,
    from numbered
    where is_end

),

visits as (

    select
        report_month,
        state,
        count(*) as visit_count,
    from numbered
    group by report_month, state
    union all
    select
        report_month,
        0 as state,
        count(*) as visit_count,
    from numbered
    where state_before is null
    group by report_month

),

whole_edges as (

    select
        steps.report_month,
        steps.state,
        steps.next_state,
        count(*) / cast(any_value(visits.visit_count) as double) as probability,
    from steps
    inner join visits
        on steps.report_month = visits.report_month
        and steps.state = visits.state
    group by steps.report_month, steps.state, steps.next_state

),

-- Chain 0 is the whole one.
removals as (

    select
        report_month,
        0 as removed,
    from channels
    union
    select
        report_month,
        state as removed,
    from channels

),

edges as (

    select
        removals.report_month,
        removals.removed,
        whole_edges.state,
        whole_edges.next_state,
        whole_edges.probability,
    from removals
    inner join whole_edges on removals.report_month = whole_edges.report_month
    where removals.removed = 0
        or removals.removed not in (whole_edges.state, whole_edges.next_state)

),

chains as (

    select
        report_month,
        cast(count(*) as integer) as channel_count,
    from channels
    group by report_month

),

probabilities as (

    {{ conversion_probabilities('edges', 'chains') }}

),

final as (

    select
        channels.report_month,
        channels.channel,
        1 - coalesce(removed.probability, 0) / whole.probability as removal_effect,
    from channels
    inner join probabilities as whole
        on channels.report_month = whole.report_month
        and whole.removed = 0
    left join probabilities as removed
        on channels.report_month = removed.report_month
        and channels.state = removed.removed

)

select * from final
