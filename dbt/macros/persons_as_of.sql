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

    ),

    users as (

        select
            seen.*,
            coalesce(seen.user_id, map.user_id) as tied_user_id,
        from {{ rows }} as seen
        left join map
            -- One key: DuckDB joins by ranges alone where a side's own condition stands beside it.
            on case when seen.user_id is null then seen.visitor_id end = map.visitor_id
            and seen.event_ts >= map.valid_from
            and seen.event_ts < map.valid_to

    )

    select
        users.* exclude (tied_user_id),
        case
            when users.tied_user_id is null then {{ visitor_person_id('users.visitor_id') }}
            else {{ person_of_user('users.tied_user_id', 'tied') }}
        end as person_id,
    from users
    left join {{ ref('ml_users_tied') }} as tied on users.tied_user_id = tied.user_id
{%- endmacro %}
