{#
    Rows with the person behind each as it was known on the arrival date `as_of_date` (law 4): by
    the row's own user id, else by the evidence that had arrived by then. `rows` is a CTE with
    visitor_id, user_id and event_ts.
#}
{% macro persons_as_of(rows) -%}
    with

    visitors as (

        select distinct
            visitor_id,
            false as is_user_visitor,
            cast(null as varchar) as user_id,
        from {{ rows }}
        where user_id is null

    ),

    evidence as (

        select * from {{ ref('int_identity_evidence') }}
        where arrival_date <= cast(getvariable('as_of_date') as date)
            and visitor_id in (select visitor_id from visitors)

    ),

    map as (

        {{ visitor_ties('evidence', 'visitors') }}

    )

    select
        seen.*,
        case
            when seen.user_id is not null then {{ user_person_id('seen.user_id') }}
            else map.person_id
        end as person_id,
    from {{ rows }} as seen
    left join map
        on seen.visitor_id = map.visitor_id
        and seen.event_ts >= map.valid_from
        and seen.event_ts < map.valid_to
{%- endmacro %}
