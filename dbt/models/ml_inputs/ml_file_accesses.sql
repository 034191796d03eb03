-- Accesses to files known on the arrival date `as_of_date`; the days of those that arrived on it
-- are to be scored.
with

of_users as (

    {{ user_events_as_of(['file_access', 'file_denied']) }}

),

accesses as (

    select
        event_key,
        user_id,
        event_ts,
        event_name,
        role,
        arrival_date,
        device_id,
        properties ->> '$.file_id' as file_id,
        nullif(replace(properties ->> '$.file_path', '\', '/'), '') as file_path,
    from of_users

),

final as (

    select
        accesses.event_key,
        {{ person_of_user('accesses.user_id', 'tied') }} as person_id,
        accesses.event_ts,
        accesses.event_name = 'file_downloaded' as is_download,
        accesses.role = 'file_denied' as is_denied,
        case
            when accesses.file_path like '%/%'
                then coalesce(nullif(regexp_extract(accesses.file_path, '^(.*)/', 1), ''), '/')
            else coalesce(accesses.file_path, accesses.file_id)
        end as place,
        accesses.device_id as device,
        accesses.arrival_date = cast(getvariable('as_of_date') as date) as is_scored,
    from accesses
    left join {{ ref('ml_users_tied') }} as tied on accesses.user_id = tied.user_id
    order by accesses.event_ts, accesses.event_key

)

select * from final
