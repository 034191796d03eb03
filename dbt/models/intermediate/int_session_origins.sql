-- Where the sessions of the windows came from: what the first event that says anything says.
with

events as (

    select * from {{ ref('int_events_remade') }}
    where session_id is not null

),

final as (

    {{ origins_of('events', 'session_id') }}

)

select * from final
