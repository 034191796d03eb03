{{ config(materialized='made_view') }}

-- A view: what it says of today follows kpi_daily at once, and its cost is the publication's.
with

published as (

    select
        report_date,
        metric,
        publication,
        built_from_seal,
        published_after,
        published_at,
        value as published_value,
        lead(publication) over each_value as replaced_by_publication,
        lead(built_from_seal) over each_value as replaced_from_seal,
    from {{ source('records', 'kpi_values') }}
    window each_value as (partition by report_date, metric order by publication)

),

today as (

    {{ kpi_values_of(ref('kpi_daily')) }}

),

steps as (

    select
        published.*,
        today.value as current_value,
        {{ is_another_value('published.published_value', 'today.value') }} as is_restated,
        published.replaced_by_publication is not null
        or {{ is_another_value('published.published_value', 'today.value') }} as is_explained,
        {{ metric_reach_days('published.metric') }} as reach_days,
    from published
    left join today
        on published.report_date = today.report_date and published.metric = today.metric

),

-- Metrics of one reach are changed by the same arrivals.
spans as (

    select distinct
        report_date,
        reach_days,
        built_from_seal,
        replaced_from_seal,
    from steps
    where is_explained

),

files as (

    select
        arrival_date,
        source_file,
        sequence,
        bool_or(is_replay) as is_replay,
    from {{ source('inputs', 'log_files') }}
    group by arrival_date, source_file, sequence

),

arrivals as (

    select
        arrived.arrival_date,
        arrived.source,
        arrived.report_date,
        coalesce(arrived.replay_seal, files.sequence) as seal,
        arrived.events,
    from {{ ref('arrivals_by_report_date') }} as arrived
    left join files
        on arrived.arrival_date = files.arrival_date
        and arrived.source_file = files.source_file
        and not files.is_replay

),

touching as (

    select
        spans.report_date,
        spans.reach_days,
        spans.built_from_seal,
        spans.replaced_from_seal,
        arrivals.arrival_date,
        arrivals.source,
        sum(arrivals.events) as events,
    from spans
    inner join arrivals
        on arrivals.seal > spans.built_from_seal
        and arrivals.seal <= coalesce(spans.replaced_from_seal, arrivals.seal)
        and arrivals.report_date <= spans.report_date
        and (
            spans.reach_days is null
            or arrivals.report_date > spans.report_date - spans.reach_days
        )
    group by all

),

by_source as (

    select
        report_date,
        reach_days,
        built_from_seal,
        replaced_from_seal,
        source,
        sum(events) as events,
        list(arrival_date) as arrival_dates,
    from touching
    group by all

),

explained as (

    select
        report_date,
        reach_days,
        built_from_seal,
        replaced_from_seal,
        sum(events) as events,
        to_json(map(list(source order by source), list(events order by source)))
            as events_by_source,
        list_sort(list_distinct(flatten(list(arrival_dates)))) as arrival_dates,
    from by_source
    group by all

),

-- Where no event fell within reach, a session across midnight or an identity moved the value: some
-- arrival of that time did it.
sealed as (

    select
        spans.report_date,
        spans.reach_days,
        spans.built_from_seal,
        spans.replaced_from_seal,
        list_sort(list_distinct(list(files.arrival_date))) as arrival_dates,
    from spans
    inner join files
        on files.sequence > spans.built_from_seal
        and files.sequence <= coalesce(spans.replaced_from_seal, files.sequence)
    group by all

),

final as (

    select
        steps.report_date,
        steps.metric,
        steps.publication,
        steps.published_after,
        steps.replaced_by_publication,
        steps.is_restated,
        steps.published_value,
        steps.current_value,
        steps.current_value - steps.published_value as change,
        case
            when steps.is_explained
                then coalesce(explained.arrival_dates, sealed.arrival_dates, [])
            else []
        end as changed_by_arrival_dates,
        cast(coalesce(explained.events, 0) as bigint) as changed_by_events,
        cast(coalesce(explained.events_by_source, '{}') as varchar) as changed_by_events_by_source,
        steps.published_at,
    from steps
    left join explained
        on steps.is_explained
        and steps.report_date = explained.report_date
        and steps.reach_days is not distinct from explained.reach_days
        and steps.built_from_seal = explained.built_from_seal
        and steps.replaced_from_seal is not distinct from explained.replaced_from_seal
    left join sealed
        on steps.is_explained
        and steps.report_date = sealed.report_date
        and steps.reach_days is not distinct from sealed.reach_days
        and steps.built_from_seal = sealed.built_from_seal
        and steps.replaced_from_seal is not distinct from sealed.replaced_from_seal

)

select * from final
