{#
    Which user is behind a visitor, and when. `evidence` holds visitor_id, event_ts, event_key,
    user_id, is_logout of the visitors in question, `visitors` their visitor_id and user_id (of
    visitors that are a user id themselves, else null). Gives intervals that cover all time, with
    the user or null. Which users are one person is in `user_ties.sql`. The rule is in
    docs/metrics.md; it is used on all evidence for `map_visitor_person` and on the evidence up to a
    date for the models' inputs.
#}
{% macro visitor_ties(evidence, visitors) -%}
    with

    states as (

        select
            visitor_id,
            event_ts,
            event_key,
            case when not is_logout then user_id end as user_id,
        from {{ evidence }}

    ),

    shared as (

        select visitor_id
        from states
        group by visitor_id
        having count(distinct user_id) > {{ var('shared_visitor_users') }}

    ),

    changes as (

        select * from states
        window evidence as (partition by visitor_id order by event_ts, event_key)
        qualify row_number() over evidence = 1
            or user_id is distinct from lag(user_id) over evidence

    ),

    -- A state that ends at the instant it began falls away, and its neighbours may be one.
    lasting as (

        select * from changes
        qualify event_ts is distinct from lead(event_ts) over (
            partition by visitor_id order by event_ts, event_key
        )

    ),

    joined as (

        select * from lasting
        window evidence as (partition by visitor_id order by event_ts)
        qualify row_number() over evidence = 1
            or user_id is distinct from lag(user_id) over evidence

    ),

    segments as (

        select
            visitor_id,
            user_id,
            event_ts as valid_from,
            coalesce(
                lead(event_ts) over (partition by visitor_id order by event_ts),
                timestamp '9999-12-31'
            ) as valid_to,
            event_key as evidence_event_key,
        from joined

    ),

    ties as (

        select
            *,
            row_number() over (partition by visitor_id order by valid_from) = 1 as is_first,
        from segments
        where user_id is not null

    ),

    tied as (

        select
            ties.visitor_id,
            ties.user_id,
            case
                when ties.is_first and shared.visitor_id is null then timestamp '1900-01-01'
                else ties.valid_from
            end as valid_from,
            ties.valid_to,
            ties.evidence_event_key,
        from ties
        left join shared on ties.visitor_id = shared.visitor_id

    ),

    free_from as (

        select
            visitor_id,
            timestamp '1900-01-01' as valid_from,
        from {{ visitors }}
        union all
        select
            visitor_id,
            valid_to as valid_from,
        from tied
        where valid_to < timestamp '9999-12-31'

    ),

    free as (

        select
            free_from.visitor_id,
            cast(null as varchar) as user_id,
            free_from.valid_from,
            coalesce(min(tied.valid_from), timestamp '9999-12-31') as valid_to,
            cast(null as varchar) as evidence_event_key,
        from free_from
        left join tied
            on free_from.visitor_id = tied.visitor_id
            and tied.valid_from >= free_from.valid_from
        group by free_from.visitor_id, free_from.valid_from

    ),

    intervals as (

        select * from tied
        union all
        select * from free
        where valid_from < valid_to

    )

    select
        intervals.visitor_id,
        intervals.valid_from,
        intervals.valid_to,
        coalesce(intervals.user_id, visitors.user_id) as user_id,
        intervals.evidence_event_key,
    from intervals
    inner join {{ visitors }} as visitors on intervals.visitor_id = visitors.visitor_id
{%- endmacro %}
