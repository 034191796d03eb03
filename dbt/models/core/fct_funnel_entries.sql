{{
    config(
        replace_key=['funnel', 'owner_id', 'entry_date'],
        prune_by='entry_date',
        touched=['int_touched_entries'],
    )
}}

-- depends_on: {{ ref('int_touched_entries') }}
with recursive

funnels as (

    select * from {{ ref('int_funnels') }}

),

steps as (

    select
        funnel,
        step,
        event_name,
    from {{ source('inputs', 'funnels') }}

),

events as (

    select events.*
    from {{ ref('int_funnel_events') }} as events
    where (events.funnel, events.event_name) in (select funnel, event_name from steps)

),

touched_dates as (

    select distinct
        funnels.funnel,
        owners.owner_id,
        cast(unnest(generate_series(
            cast(owners.report_date - funnels.reach_days as timestamp),
            cast(owners.report_date as timestamp),
            interval 1 day
        )) as date) as entry_date,
    from {{ ref('int_touched_owners') }} as owners
    inner join funnels on owners.owner_kind = funnels.owner_kind

),

attempts as (

    select
        events.funnel,
        funnels.mode,
        events.unit_id,
        events.owner_id,
        events.report_date as entry_date,
        events.event_key as attempt_key,
        events.held_value,
        events.event_ts as entered_at,
        -- Inclusive: the last moment of the window, or before what ends the attempt.
        least(
            events.event_ts + to_seconds(funnels.window_s),
            events.excluded_ts - interval 1 microsecond
        ) as ends_at,
        events.next_ts,
        events.session_id,
        events.category,
    from events
    inner join steps
        on events.funnel = steps.funnel
        and events.event_name = steps.event_name
        and steps.step = 1
    inner join funnels on events.funnel = funnels.funnel
    where (events.funnel, events.owner_id, events.report_date) in (
            select funnel, owner_id, entry_date from touched_dates
        )

),

walks as (

    select
        funnel,
        mode,
        unit_id,
        attempt_key,
        held_value,
        ends_at,
        1 as step,
        entered_at as event_ts,
        next_ts,
        [attempt_key] as used_keys,
        [entered_at] as step_at,
    from attempts
    where mode <> 'any'
    union all
    (
        select
            walks.funnel,
            walks.mode,
            walks.unit_id,
            walks.attempt_key,
            walks.held_value,
            walks.ends_at,
            walks.step + 1 as step,
            events.event_ts,
            events.next_ts,
            list_append(walks.used_keys, events.event_key) as used_keys,
            list_append(walks.step_at, events.event_ts) as step_at,
        from walks
        inner join steps
            on walks.funnel = steps.funnel
            and steps.step = walks.step + 1
        inner join events
            on walks.funnel = events.funnel
            and walks.unit_id = events.unit_id
            and steps.event_name = events.event_name
            and walks.held_value is not distinct from events.held_value
            and events.event_ts >= walks.event_ts
            and events.event_ts <= walks.ends_at
            and not list_contains(walks.used_keys, events.event_key)
        where walks.mode = 'ordered'
            or events.event_ts = walks.event_ts
            or events.event_ts = walks.next_ts
        -- Ordered: the earliest event. Strict: every instant stays open, one walk each.
        qualify row_number() over (
                partition by
                    walks.funnel,
                    walks.unit_id,
                    walks.attempt_key,
                    walks.held_value,
                    case when walks.mode = 'strict' then walks.used_keys end,
                    case when walks.mode = 'strict' then events.event_ts end
                order by events.event_ts, events.event_key
            ) = 1
    )

),

walked as (

    select
        funnel,
        unit_id,
        attempt_key,
        held_value,
        step as reached,
        step_at,
    from walks
    qualify row_number() over (
            partition by funnel, unit_id, attempt_key, held_value order by step desc, step_at
        ) = 1

),

-- Any order: each name serves as many steps as it has events.
needs as (

    select
        steps.funnel,
        steps.event_name,
        count(*) as step_count,
    from steps
    where steps.step > 1
    group by steps.funnel, steps.event_name

),

served as (

    select
        attempts.funnel,
        attempts.unit_id,
        attempts.attempt_key,
        attempts.held_value,
        needs.event_name,
        least(count(*), any_value(needs.step_count)) as served_count,
    from attempts
    inner join needs on attempts.funnel = needs.funnel
    inner join events
        on attempts.funnel = events.funnel
        and attempts.unit_id = events.unit_id
        and needs.event_name = events.event_name
        and attempts.held_value is not distinct from events.held_value
        and events.event_ts >= attempts.entered_at
        and events.event_ts <= attempts.ends_at
        and events.event_key <> attempts.attempt_key
    where attempts.mode = 'any'
    group by
        attempts.funnel,
        attempts.unit_id,
        attempts.attempt_key,
        attempts.held_value,
        needs.event_name

),

gathered as (

    select
        attempts.funnel,
        attempts.unit_id,
        attempts.attempt_key,
        attempts.held_value,
        1 + coalesce(sum(served.served_count), 0) as reached,
        cast(null as timestamp[]) as step_at,
    from attempts
    left join served
        on attempts.funnel = served.funnel
        and attempts.unit_id = served.unit_id
        and attempts.attempt_key = served.attempt_key
        and attempts.held_value is not distinct from served.held_value
    where attempts.mode = 'any'
    group by attempts.funnel, attempts.unit_id, attempts.attempt_key, attempts.held_value

),

results as (

    select * from walked
    union all
    select * from gathered

),

furthest as (

    select
        attempts.funnel,
        attempts.unit_id,
        attempts.owner_id,
        attempts.entry_date,
        attempts.entered_at,
        attempts.held_value,
        attempts.session_id,
        attempts.category,
        cast(results.reached as integer) as reached,
        results.step_at,
    from attempts
    inner join results
        on attempts.funnel = results.funnel
        and attempts.unit_id = results.unit_id
        and attempts.attempt_key = results.attempt_key
        and attempts.held_value is not distinct from results.held_value
    qualify row_number() over (
            partition by attempts.funnel, attempts.unit_id, attempts.entry_date
            order by
                results.reached desc,
                attempts.entered_at,
                attempts.attempt_key,
                attempts.held_value
        ) = 1

),

-- A session lasts less than 24 hours, which touch three dates where the clocks go forward.
sessions as (

    select
        session_id,
        device_type,
        country,
        source,
        channel,
    from {{ ref('fct_sessions') }}
    where session_id in (select session_id from furthest)
        and report_date in (
            select distinct unnest([entry_date - 2, entry_date - 1, entry_date]) as report_date
            from furthest
        )

),

final as (

    select
        furthest.funnel,
        furthest.unit_id,
        furthest.owner_id,
        furthest.entry_date,
        furthest.entered_at,
        furthest.held_value,
        furthest.reached,
        furthest.step_at,
        sessions.device_type,
        sessions.country,
        sessions.source,
        sessions.channel,
        furthest.category,
    from furthest
    left join sessions on furthest.session_id = sessions.session_id

)

select * from final
