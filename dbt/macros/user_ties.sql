{#
    Which users are one person by the CRM keys and e-mail addresses that they share, and whose
    person a user is. Who is behind a visitor is in `identity.sql`. The rules are in
    docs/metrics.md; they are used on all evidence for `int_users_tied` and on the evidence up to a
    date for the models' inputs.
#}

{# A SQL list of the JSON paths that may hold a key, or, side by side with it, of their kinds. #}
{% macro tying_paths(what) -%}
    {{- trait_paths(var('tying_properties'), what) -}}
{%- endmacro %}

{#
    The ties of the users in `evidence_of_users`, one row a user and key that another user bears as
    well. A key of too many users ties nobody, and a user of too many keys is tied by none of that
    kind (an agent who keeps customers' profiles). `evidence_of_keys` holds all evidence with the
    keys in question: whoever bears them, not the users looked at alone.
#}
{% macro usable_ties(evidence_of_users, evidence_of_keys) -%}
    with

    usable_keys as (

        select key_id
        from {{ evidence_of_keys }}
        group by key_id
        having count(distinct user_id) between 2 and {{ var('shared_key_users') }}

    ),

    usable_users as (

        select
            user_id,
            key_kind,
        from {{ evidence_of_users }}
        group by user_id, key_kind
        having count(distinct key_id) <= {{ var('tied_user_keys') }}

    ),

    ages as (

        select
            user_id,
            min({{ event_order() }}) as user_order,
        from {{ evidence_of_users }}
        group by user_id

    ),

    bearers as (

        select
            user_id,
            key_id,
            any_value(key_kind) as tie_kind,
            min({{ event_order() }}) as first_order,
            min(event_ts) as tied_at,
            arg_min(event_key, {{ event_order() }}) as evidence_event_key,
        from {{ evidence_of_users }}
        where key_id in (select key_id from usable_keys)
            and (user_id, key_kind) in (select user_id, key_kind from usable_users)
        group by user_id, key_id

    )

    select
        bearers.user_id,
        bearers.key_id,
        bearers.tie_kind,
        bearers.tied_at,
        bearers.evidence_event_key,
        ages.user_order,
    from bearers
    inner join ages on bearers.user_id = ages.user_id
    qualify count(*) over (partition by bearers.key_id) > 1
{%- endmacro %}

{#
    The oldest user of each user's component. Labels are the users' ranks by age; in a round every
    user takes the least label among its neighbours, hands it to the user that its label stands for,
    and then takes that one's own (FastSV: Zhang, Azad, Hu 2020). A chain of ten thousand users
    is done in some fifteen rounds, where passing labels on from neighbour to neighbour alone takes
    ten thousand.
#}
{% macro oldest_users(ties) -%}
    with recursive

    users as (

        select
            user_id,
            row_number() over (order by user_order, user_id) as user_number,
        from (select distinct user_id, user_order from {{ ties }}) as tied

    ),

    edges as (

        select
            users.user_number,
            ties.key_id,
        from {{ ties }} as ties
        inner join users on ties.user_id = users.user_id

    ),

    labels as (

        select
            0 as round,
            user_number,
            user_number as label,
        from users
        union all
        (
            with

            key_labels as (

                select
                    edges.key_id,
                    min(labels.label) as label,
                from edges
                inner join labels on edges.user_number = labels.user_number
                group by edges.key_id

            ),

            seen as (

                select
                    edges.user_number,
                    min(key_labels.label) as label,
                from edges
                inner join key_labels on edges.key_id = key_labels.key_id
                group by edges.user_number

            ),

            offered as (

                select
                    user_number,
                    label,
                from seen
                union all
                select
                    labels.label as user_number,
                    seen.label,
                from labels
                inner join seen on labels.user_number = seen.user_number
                union all
                select
                    labels.user_number,
                    further.label,
                from labels
                inner join labels as further on labels.label = further.user_number

            ),

            best as (

                select
                    user_number,
                    min(label) as label,
                from offered
                group by user_number

            ),

            changed as (

                select best.user_number
                from best
                inner join labels on best.user_number = labels.user_number
                where best.label <> labels.label

            )

            select
                labels.round + 1 as round,
                best.user_number,
                best.label,
            from best
            inner join labels on best.user_number = labels.user_number
            where exists (select 1 from changed)
        )

    ),

    settled as (

        select
            user_number,
            min(label) as label,
        from labels
        group by user_number

    )

    select
        users.user_id,
        oldest.user_id as oldest_user_id,
    from settled
    inner join users on settled.user_number = users.user_number
    inner join users as oldest on settled.label = oldest.user_number
{%- endmacro %}

{# The person of a user: of the users tied to it (a left join gives `tied`), else its own. #}
{% macro person_of_user(user_id, tied) -%}
    coalesce({{ tied }}.person_id, {{ user_person_id(user_id) }})
{%- endmacro %}

{# The person of an act: its own user's, else the map's (a left join gives `map`). #}
{% macro person_of_act(act, tied, map='map') -%}
    case
        when {{ act }}.user_id is not null
            then {{ person_of_user(act ~ '.user_id', tied) }}
        else {{ map }}.person_id
    end
{%- endmacro %}

{#
    Acts with their persons: all columns of a CTE that has visitor_id and user_id, and person_id as
    resolved now. `at` is the column of the time at which the visitor's person is asked for;
    `users` and `visitors` are the relations that say whose users and visitors are.
#}
{% macro acts_of_persons(acts, at, users=none, visitors=none) -%}
    select
        {{ acts }}.*,
        {{ person_of_act(acts, 'tied') }} as person_id,
    from {{ acts }}
    left join {{ users or ref('int_users_tied') }} as tied on {{ acts }}.user_id = tied.user_id
    left join {{ visitors or ref('map_visitor_person') }} as map
        on {{ acts }}.visitor_id = map.visitor_id
        and {{ acts }}.{{ at }} >= map.valid_from
        and {{ acts }}.{{ at }} < map.valid_to
{%- endmacro %}
