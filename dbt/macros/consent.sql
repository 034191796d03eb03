{#
    Whether an answer to the question for consent is a yes, and the answers that one field `consent`
    gives: an object of purpose to answer, an array of the purposes agreed to, or one answer for
    all. The words are those by which ingest withholds rows; one answer may also be `all`.
#}
{% macro consent_is_given(answer, more_words="") -%}
    coalesce(
        lower({{ answer }}) in (
            'true', '1', 'yes', 'granted', 'accepted', 'allowed', 'opt_in'{{ more_words }}
        ),
        false
    )
{%- endmacro %}

{# `statements` holds event_key, stated (valid JSON) and kind (its JSON type). #}
{% macro consent_answers(statements) -%}
    select
        event_key,
        purpose,
        {{ consent_is_given(
            "json_extract_string(stated, '/' || replace(replace(purpose, '~', '~0'), '/', '~1'))"
        ) }} as is_granted,
    from (
        select
            event_key,
            stated,
            unnest(json_keys(stated)) as purpose,
        from {{ statements }}
        where kind = 'OBJECT'
    ) as objects
    union
    select
        event_key,
        purpose,
        true as is_granted,
    from (
        select
            event_key,
            unnest(json_extract_string(stated, '$[*]')) as purpose,
        from {{ statements }}
        where kind = 'ARRAY'
    ) as arrays
    where purpose is not null
    union
    select
        event_key,
        '(all)' as purpose,
        {{ consent_is_given("json_extract_string(stated, '$')", ", 'all'") }} as is_granted,
    from {{ statements }}
    where kind not in ('OBJECT', 'ARRAY')
{%- endmacro %}
