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

    select
        report_date,
        reach_days,
        built_from_seal,
        replaced_from_seal,
        row_number() over (
            order by report_date, reach_days, built_from_seal, replaced_from_seal
        ) as span,
    from (
        select distinct
            report_date,
            reach_days,
            built_from_seal,
            replaced_from_seal,
        from steps
        where is_explained
    ) as distinct_spans

),

seals as (

    select distinct
        sequence as seal,
        arrival_date,
    from {{ source('inputs', 'log_files') }}

),

last_seal as (

    select max(seal) as seal from seals

),

-- Seal by seal, and not by a range of them: the steps of a value add up to the time for which it
-- moved, and an equality is a hash join.
span_seals as (

    select
        spans.span,
        spans.report_date,
        spans.reach_days,
        unnest(generate_series(
            spans.built_from_seal + 1, coalesce(spans.replaced_from_seal, last_seal.seal)
        )) as seal,
    from spans
    cross join last_seal

),

files as (

    select
        arrival_date,
        source_file,
        sequence,
    from {{ source('inputs', 'log_files') }}
    where not is_replay

),

-- A file is sealed once, beside replays of its rows, which name their seal: one row a seal of it.
arrivals as (

    select
        coalesce(arrived.replay_seal, files.sequence) as seal,
        arrived.arrival_date,
        arrived.source,
        arrived.report_date,
        sum(arrived.events) as events,
    from {{ ref('arrivals_by_report_date') }} as arrived
    left join files
        on arrived.arrival_date = files.arrival_date
        and arrived.source_file = files.source_file
    group by
        coalesce(arrived.replay_seal, files.sequence), arrived.arrival_date, arrived.source,
        arrived.report_date

),

by_source as (

    select
        span_seals.span,
        arrivals.source,
        sum(arrivals.events) as events,
        list(distinct arrivals.arrival_date) as arrival_dates,
    from span_seals
    inner join arrivals
        on span_seals.seal = arrivals.seal
        and span_seals.report_date >= arrivals.report_date
        and (
            span_seals.reach_days is null
            or span_seals.report_date - span_seals.reach_days < arrivals.report_date
        )
    group by span_seals.span, arrivals.source

),

within_reach as (

    select
        span,
        sum(events) as events,
        cast(
            to_json(map(list(source order by source), list(events order by source))) as varchar
        ) as events_by_source,
        list_sort(list_distinct(flatten(list(arrival_dates)))) as arrival_dates,
    from by_source
    group by span

),

-- Where no event fell within reach, a session across midnight or an identity moved the value: some
-- arrival of that time did it.
at_that_time as (

    select
        span_seals.span,
        list_sort(list(distinct seals.arrival_date)) as arrival_dates,
    from span_seals
    inner join seals on span_seals.seal = seals.seal
    where span_seals.span not in (select span from within_reach)
    group by span_seals.span

),

explained as (

    select
        spans.report_date,
        spans.reach_days,
        spans.built_from_seal,
        spans.replaced_from_seal,
        coalesce(within_reach.events, 0) as events,
        within_reach.events_by_source,
        coalesce(within_reach.arrival_dates, at_that_time.arrival_dates) as arrival_dates,
    from spans
    left join within_reach on spans.span = within_reach.span
    left join at_that_time on spans.span = at_that_time.span

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
        case when steps.is_explained then coalesce(explained.arrival_dates, []) else [] end
            as changed_by_arrival_dates,
        case when steps.is_explained then cast(coalesce(explained.events, 0) as bigint) else 0 end
            as changed_by_events,
        case when steps.is_explained then coalesce(explained.events_by_source, '{}') else '{}' end
            as changed_by_events_by_source,
        steps.published_at,
    from steps
    left join explained
        on steps.report_date = explained.report_date
        and steps.reach_days is not distinct from explained.reach_days
        and steps.built_from_seal = explained.built_from_seal
        and steps.replaced_from_seal is not distinct from explained.replaced_from_seal

)

select * from final
