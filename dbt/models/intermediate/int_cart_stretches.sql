{{
    config(
        materialized='replace_touched',
        replace_key=['holder_key', 'started_at'],
        prune_by='started_date',
        touched=['int_cart_windows'],
        reads_itself=true,
    )
}}

with

final as (

    select
        holder_key,
        cast(stretch_started_at as date) as started_date,
        stretch_started_at as started_at,
        max(event_ts) as ended_at,
    from {{ ref('int_cart_actions_remade') }}
    group by holder_key, stretch_started_at

)

select * from final
