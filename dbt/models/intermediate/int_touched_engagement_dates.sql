-- The dates on which searches or views of content may count for something else: of every copy of
-- one, and of those in sessions that are made again.
with

final as (

    select report_date from {{ ref('int_event_copies') }}
    where role in ('search', 'content')
    union
    select report_date from {{ ref('int_window_events') }}
    where role in ('search', 'content')

)

select * from final
