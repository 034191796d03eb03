{#
    Events of users with some roles, known on the arrival date `as_of_date` (law 4) and of the days
    from `window_from` on; a clock ahead of ours may have put them on the day after.
#}
{% macro user_events_as_of(roles) -%}
    select *
    from {{ ref('fct_events') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date) + 1
        )
        and role in ('{{ roles | join("', '") }}')
        and user_id is not null
{%- endmacro %}
