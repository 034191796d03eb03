{#
    Events with `tracker_session`: the tracker's session that each stays in, its source with the id,
    where the source says `sessions: source`; empty where the gap between events decides. Needs
    `source` and `source_session_id`.
#}
{% macro with_tracker_session(events) -%}
    select
        events.*,
        coalesce(
            keepers.source || chr(31) || events.source_session_id, ''
        ) as tracker_session,
    from {{ events }} as events
    left join (
        select source from {{ source('inputs', 'sources') }}
        where sessions = 'source'
    ) as keepers on events.source = keepers.source
{%- endmacro %}

{# The same of a session. #}
{% macro tracker_session_of(sessions) -%}
    case
        when {{ sessions }}.is_source_session
            then {{ sessions }}.source || chr(31) || {{ sessions }}.source_session_id
        else ''
    end
{%- endmacro %}
