-- The daily counts and ratios of ml_kpi_series by the values of dimensions, as known on the arrival
-- date `as_of_date`. Counts, numerators and denominators add up to those of the day: a visitor
-- counts, and is a buyer, with what it was seen as first on the date, and where it came from on the
-- date is the channel of all that it did then. A session would be a better unit of the channel, but
-- a late event may make another session of it; so no ratio of sessions is here.
{% set dimensions = ['device_type', 'country', 'source', 'channel'] %}

with

acts as (

    {{ kpi_acts_as_of() }}

),

-- A scan of its own, with many columns of the few events that say where somebody came from.
landings as (

    select
        visitor_id || chr(31) || cast(report_date as varchar) as visit,
        event_ts,
        event_key,
        utm_source,
        utm_medium,
        utm_campaign,
        referrer,
        page_url,
        properties,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            report_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and not is_bot
        and is_sessionable
        and visitor_id is not null
        and (
            coalesce(utm_source, utm_medium, utm_campaign, referrer) is not null
            or contains(properties, '"click_id_kind"')
        )

),

origins as (

    {{ origins_of('landings', 'visit') }}

),

-- A visitor has few values a day: counted together first, the dimensions add up from few rows.
grouped as (

    select
        report_date,
        visitor_id,
        device_type,
        country,
        source,
        visitor_id || chr(31) || cast(report_date as varchar) as visit,
        bool_or(is_sessionable) and visitor_id is not null as is_visitor,
        min(event_ts) filter (where is_sessionable) as first_ts,
        {% for metric, role in kpi_series_roles().items() -%}
        count(*) filter (where role = '{{ role }}') as {{ metric }},
        {% endfor -%}
        sum(orders) as orders,
        sum(orders_without_value) as orders_without_value,
        sum(gross_revenue) as gross_revenue,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
    from acts
    group by report_date, visitor_id, device_type, country, source

),

counted as (

    select
        grouped.* exclude (visitor_id, visit, is_visitor, first_ts),
        case
            when not bool_or(grouped.is_visitor) over (partition by grouped.visit)
                then '(not set)'
            else {{ channel(
                "coalesce(origins.traffic_source, '')", "coalesce(origins.traffic_medium, '')",
                "coalesce(origins.campaign_said, '')", "coalesce(origins.source_kind, '')"
            ) }}
        end as channel,
        row_number() over (
            partition by grouped.visit
            order by
                grouped.first_ts nulls last, grouped.device_type, grouped.country, grouped.source
        ) = 1 and grouped.visitor_id is not null as is_first,
        cast(is_first and grouped.is_visitor as integer) as visitors,
        cast(
            is_first and sum(grouped.orders) over (partition by grouped.visit) > 0 as integer
        ) as converting_visitors,
    from grouped
    left join origins on grouped.visit = origins.visit

),

by_value as (

    {% for dimension in dimensions -%}
    select
        report_date,
        '{{ dimension }}' as dimension,
        {{ dimension }} as dimension_value,
        sum(visitors) as visitors,
        {% for metric in kpi_series_roles() -%}
        sum({{ metric }}) as {{ metric }},
        {% endfor -%}
        {% for count in kpi_series_ratio_counts() -%}
        sum({{ count }}) as {{ count }},
        {% endfor -%}
    from counted
    group by report_date, {{ dimension }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

sizes as (

    select
        dimension,
        dimension_value,
        row_number() over (
            partition by dimension
            order by sum(visitors + {{ kpi_series_roles() | join(' + ') }}) desc, dimension_value
        ) as place,
    from by_value
    group by dimension, dimension_value

),

counts as (

    select
        by_value.report_date,
        by_value.dimension,
        case
            when sizes.place <= {{ var('kpi_dimension_values') }} then by_value.dimension_value
            else '(other)'
        end as dimension_value,
        sum(by_value.visitors) as visitors,
        {% for metric in kpi_series_roles() -%}
        sum(by_value.{{ metric }}) as {{ metric }},
        {% endfor -%}
        {% for count in kpi_series_ratio_counts() -%}
        sum(by_value.{{ count }}) as {{ count }},
        {% endfor -%}
    from by_value
    inner join sizes
        on by_value.dimension = sizes.dimension
        and by_value.dimension_value = sizes.dimension_value
    group by all

),

final as (

    {{ kpi_series_rows('counts', ['report_date', 'dimension', 'dimension_value']) }}

)

select
    report_date,
    metric,
    dimension,
    dimension_value,
    value,
    numerator,
    denominator,
from final
order by metric, dimension, dimension_value, report_date
