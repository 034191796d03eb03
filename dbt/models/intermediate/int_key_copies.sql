-- CRM keys and e-mail addresses on copies that also name a user, a row a copy and key. What an
-- attempt to log in was refused with proves nothing.
with

copies as (

    select
        event_key,
        user_id,
        event_ts,
        event_date,
        arrival_date,
        copy_number,
        properties,
    from {{ ref('int_event_copies') }}
    -- The words spare most events the reading of their JSON; every name of a path has one of them.
    where user_id is not null
        and role is distinct from 'login_failed'
        and (contains(properties, 'mail') or contains(properties, 'crm'))

),

found as (

    select
        * exclude (properties),
        unnest({{ tying_paths('kinds') }}) as key_kind,
        unnest(json_extract_string(properties, {{ tying_paths('paths') }})) as key_value,
        unnest(json_type(properties, {{ tying_paths('paths') }})) as json_kind,
    from copies

),

final as (

    select distinct
        event_key,
        user_id,
        key_kind,
        {{ hash_of(["key_kind", "key_value"]) }} as key_id,
        event_ts,
        event_date,
        arrival_date,
        copy_number,
    from found
    where json_kind = 'VARCHAR' and key_value <> ''

)

select * from final
