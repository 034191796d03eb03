-- What events count for on the touched dates, by each value of each dimension.
{% set dimensions_of_events = [
    ('device_type', 'grouped'), ('country', 'grouped'), ('source', 'grouped'),
    ('channel', 'grouped'), ('category', 'category_grouped'),
] %}

{% set sums_of_events -%}
    bool_or(is_sessionable) as is_sessionable,
    count(*) filter (where role = 'page_view') as page_views,
    count(*) filter (where role = 'product_view') as product_views,
    count(*) filter (where role = 'cart_add') as cart_adds,
    count(*) filter (where role = 'checkout') as checkouts,
    sum(shown_count) filter (where role = 'impression') as impressions,
{%- endset %}

with

dates as (

    select report_date from {{ ref('int_touched_dates') }}

),

lines as (

    select
        event_key,
        coalesce(category, '(not set)') as category,
        count(*) as line_count,
    from {{ ref('fct_product_interactions') }}
    where report_date in (select report_date from dates) and not is_bot
    group by event_key, coalesce(category, '(not set)')

),

events as (

    select
        event_key,
        report_date,
        event_ts,
        visitor_id,
        user_id,
        session_id,
        role,
        is_sessionable,
        impression_id,
        coalesce(device_type, '(not set)') as device_type,
        coalesce(country, '(not set)') as country,
        source,
        coalesce(category, '(not set)') as category,
    from {{ ref('fct_events') }}
    where report_date in (select report_date from dates) and not is_bot

),

event_persons as (

    {{ acts_of_persons('events', 'event_ts') }}

),

-- A session lasts less than 24 hours, which touch three dates where the clocks go forward.
sessions as (

    select
        session_id,
        coalesce(channel, '(not set)') as channel,
    from {{ ref('fct_sessions') }}
    where report_date in (
            select distinct unnest([report_date - 2, report_date - 1, report_date]) as report_date
            from dates
        )

),

impression_lines as (

    select
        event_key,
        sum(line_count) as line_count,
    from lines
    group by event_key

),

facts as (

    select
        event_persons.*,
        coalesce(sessions.channel, '(not set)') as channel,
        coalesce(impression_lines.line_count, 1) as shown_count,
    from event_persons
    left join sessions on event_persons.session_id = sessions.session_id
    left join impression_lines on event_persons.event_key = impression_lines.event_key

),

-- A visitor has few values a day: counted together first, all dimensions add up from a tenth of
-- the rows.
grouped as (

    select
        report_date,
        device_type,
        country,
        source,
        channel,
        visitor_id,
        person_id,
        {{ sums_of_events }}
    from facts
    group by all

),

category_facts as (

    select
        facts.* exclude (category, shown_count),
        coalesce(lines.category, facts.category) as category,
        coalesce(lines.line_count, facts.shown_count) as shown_count,
    from facts
    left join lines on facts.event_key = lines.event_key

),

category_grouped as (

    select
        report_date,
        category,
        visitor_id,
        person_id,
        {{ sums_of_events }}
    from category_facts
    group by all

),

event_counts as (

    {% for dimension, groups in dimensions_of_events -%}
    select
        report_date,
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        count(distinct visitor_id) filter (where is_sessionable) as visitors,
        count(distinct person_id) filter (where is_sessionable) as persons,
        {% for column in [
            'page_views', 'product_views', 'cart_adds', 'checkouts', 'impressions',
        ] -%}
        cast(coalesce(sum({{ column }}), 0) as bigint) as {{ column }},
        {% endfor -%}
    from {{ groups }}
    group by report_date, {{ dimension }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

click_counts as (

    {% for dimension, groups in dimensions_of_events -%}
    select
        report_date,
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        {{ click_count('events') }} as clicks,
    from {{ 'category_facts' if dimension == 'category' else 'facts' }} as events
    where role = 'click'
    group by report_date, {{ dimension }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (

    select * from event_counts
    union all by name
    select * from click_counts

)

select * from final
