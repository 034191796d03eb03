-- The report dates of which other carts may have been opened, or on which they end otherwise. Every
-- cart that is or was in a window was opened by an event of it, or by a copy.
with

final as (

    select report_date from {{ ref('int_cart_actions_remade') }}
    union
    select report_date from {{ ref('int_event_copies') }}
    where role in ({{ cart_roles() }})

)

select * from final
