-- Daily counts of events that were known on the arrival date `as_of_date`.
with

events as (

    select
        report_date,
        role,
        visitor_id,
        is_sessionable,
    from ({{ bots_as_of(ref('fct_events')) }}) as events
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            report_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and not is_bot

),

counts as (

    select
        report_date,
        count(distinct visitor_id) filter (where is_sessionable) as visitors,
        {% for metric, role in kpi_series_roles().items() -%}
        count(*) filter (where role = '{{ role }}') as {{ metric }},
        {% endfor -%}
    from events
    group by report_date

),

final as (

    unpivot counts
    on visitors, {{ kpi_series_roles() | join(', ') }}
    into name metric value value

)

select
    report_date,
    metric,
    cast(value as double) as value,
from final
order by metric, report_date
