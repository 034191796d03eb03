{% set line_properties = ['product_id', 'category', 'brand'] %}
{% set held_properties = line_properties + ['impression_id'] %}

-- What the touched units did around their touched dates, a row for each funnel that it may matter
-- to and each value that it has of what the funnel holds.
with

funnels as (

    select
        *,
        case
            when starts_with(hold, 'properties.')
                then '$."' || substr(hold, {{ 'properties.' | length + 1 }}) || '"'
        end as json_path,
    from {{ ref('int_funnels') }}

),

-- What leads on, and what ends an attempt.
names as (

    select
        funnel,
        unnest(event_names) as event_name,
    from funnels
    union all
    select
        funnel,
        unnest(excluded_names) as event_name,
    from funnels

),

reach as (

    select
        owners.owner_kind,
        owners.owner_id,
        owners.report_date,
        max(funnels.reach_days) as reach_days,
    from {{ ref('int_touched_owners') }} as owners
    inner join funnels on owners.owner_kind = funnels.owner_kind
    group by owners.owner_kind, owners.owner_id, owners.report_date

),

dates as (

    select distinct
        cast(unnest(generate_series(
            cast(report_date - reach_days as timestamp),
            cast(report_date + reach_days as timestamp),
            interval 1 day
        )) as date) as report_date
    from (select distinct report_date, reach_days from reach) as spans

),

person_days as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_person_days') }}
    where person_id in (select owner_id from reach where owner_kind = 'person')
        and report_date in (select report_date from dates)

),

visitor_events as (

    select
        visitor_id,
        session_id,
        user_id,
        event_ts,
        event_key,
        event_name,
        report_date,
        {{ held_properties | join(',\n        ') }},
        properties,
    from {{ ref('fct_events') }}
    where visitor_id in (
            select owner_id from reach where owner_kind = 'visitor'
            union
            select visitor_id from person_days
        )
        and report_date in (select report_date from dates)
        and not is_bot
        -- Other events matter to strict funnels alone, which they interrupt.
        and (
            event_name in (select event_name from names)
            or (select bool_or(mode = 'strict') from funnels)
        )

),

events as (

    {{ acts_of_persons('visitor_events', 'event_ts') }}

),

owned as (

    select
        funnels.funnel,
        funnels.mode,
        funnels.hold,
        len(funnels.excluded_names) > 0 as has_exclusions,
        list_contains(funnels.excluded_names, events.event_name) as is_exclusion,
        case funnels.unit
            when 'person' then events.person_id
            when 'visitor' then events.visitor_id
            else events.session_id
        end as unit_id,
        case when funnels.unit = 'person' then events.person_id else events.visitor_id end
            as owner_id,
        events.event_ts,
        events.event_key,
        events.event_name,
        events.report_date,
        events.session_id,
        {% for property in held_properties -%}
        events.{{ property }},
        {% endfor -%}
        case
            when json_type(events.properties, funnels.json_path)
                in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN')
                then events.properties ->> funnels.json_path
        end as property_value,
    from events
    cross join funnels
    where case when funnels.unit = 'person' then events.person_id else events.visitor_id end in (
            select owner_id from reach where owner_kind = funnels.owner_kind
        )
        and (
            funnels.mode = 'strict'
            or (funnels.funnel, events.event_name) in (select funnel, event_name from names)
        )

),

-- The next instant at which the unit did anything: strict funnels allow no step beyond it.
timed as (

    select
        *,
        min(event_ts) over (
            partition by funnel, unit_id order by event_ts
            range between interval 1 microsecond following and unbounded following
        ) as next_ts,
    from owned
    where unit_id is not null and mode = 'strict'
    union all by name
    select * from owned
    where unit_id is not null and mode <> 'strict'

),

interactions as (

    select
        event_key,
        {{ line_properties | join(',\n        ') }},
    from {{ ref('fct_product_interactions') }}
    where report_date in (select report_date from dates)
        and event_key in (select event_key from timed where hold is not null)

),

line_values as (

    {% for property in line_properties -%}
    select distinct
        event_key,
        '{{ property }}' as hold,
        {{ property }} as value,
    from interactions
    where (select bool_or(hold = '{{ property }}') from funnels)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A value is a row: an event of several products may serve an attempt for each of them.
valued as (

    select
        timed.*,
        case
            when line_values.event_key is not null then line_values.value
            when starts_with(timed.hold, 'properties.') then timed.property_value
            {% for property in held_properties -%}
            when timed.hold = '{{ property }}' then timed.{{ property }}
            {% endfor -%}
        end as held_value,
    from timed
    left join line_values
        on timed.event_key = line_values.event_key
        and timed.hold = line_values.hold
    where timed.hold is not null

),

held as (

    select * exclude (hold, product_id, brand, impression_id, property_value) from valued
    where held_value is not null
    union all by name
    select * exclude (hold, product_id, brand, impression_id, property_value) from timed
    where hold is null

),

final as (

    select
        * exclude (has_exclusions, is_exclusion),
        min(event_ts) filter (where is_exclusion) over (
            partition by funnel, unit_id, held_value order by event_ts
            range between current row and unbounded following
        ) as excluded_ts,
    from held
    where has_exclusions
    union all by name
    select * exclude (has_exclusions, is_exclusion) from held
    where not has_exclusions

)

select * from final
