{{ config(replace_key=['event_key'], prune_by='event_date', touched=['int_event_copies']) }}

with

copies as (

    select * exclude (copy_number)
    from {{ ref('int_event_copies') }}
    where copy_number > 1

)

select * from copies
