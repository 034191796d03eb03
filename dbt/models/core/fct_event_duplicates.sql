{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_event_copies']) }}

with

-- What copies say themselves, not what their visitor's pace made of them.
losers as (

    select * exclude (is_declared_bot) replace (is_declared_bot as is_bot)
    from {{ ref('int_event_copies') }}
    where copy_number > 1

),

winners as (

    select * exclude (is_declared_bot) replace (is_declared_bot as is_bot)
    from {{ ref('int_event_copies') }}
    where copy_number = 1 and event_key in (select event_key from losers)

),

final as (

    select
        losers.* exclude (copy_number),
        {{ content_hash('losers') }} <> {{ content_hash('winners') }} as is_conflict,
    from losers
    inner join winners on losers.event_key = winners.event_key

)

select * from final
