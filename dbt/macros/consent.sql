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

{#
    Every answer of a person about a purpose, from rows of int_person_consents. A list of what is
    agreed to says no to all else that the person was ever asked.
#}
{% macro person_answers(consents) -%}
    select
        purposes.person_id,
        purposes.purpose,
        statements.report_date,
        statements.statement_order,
        coalesce(given.is_granted, false) as is_granted,
    from (
        select distinct
            person_id,
            report_date,
            event_key,
            statement_order,
            is_whole,
        from {{ consents }}
    ) as statements
    inner join (
        select distinct
            person_id,
            purpose,
        from {{ consents }}
        where purpose is not null
    ) as purposes on statements.person_id = purposes.person_id
    left join {{ consents }} as given
        on statements.event_key = given.event_key
        and purposes.purpose = given.purpose
    where given.event_key is not null or statements.is_whole
{%- endmacro %}

{# What each person's last answer about each purpose is. #}
{% macro last_consents(consents) -%}
    select
        person_id,
        purpose,
        arg_max(is_granted, statement_order) as is_granted,
    from ({{ person_answers(consents) }}) as answers
    group by person_id, purpose
{%- endmacro %}
