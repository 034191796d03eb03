{{ config(meta={'dagster': {'ref': {'name': 'fct_product_interactions'}}}) }}

-- Each line of a touched event stands once, names a product, and says of session and bot
-- what its event says.
with

touched as (

    select
        event_key,
        event_date,
    from {{ ref('int_events_remade') }}

),

events as (

    select
        event_key,
        session_id,
        is_bot,
        arrival_date,
    from {{ ref('fct_events') }}
    where event_key in (select event_key from touched)
        and event_date in (select distinct event_date from touched)

),

lines as (

    select
        event_key,
        line_number,
        product_id,
        session_id,
        is_bot,
        arrival_date,
        count(*) over (partition by event_key, line_number) as row_count,
    from {{ ref('fct_product_interactions') }}
    where event_key in (select event_key from touched)
        and event_date in (select distinct event_date from touched)

),

final as (

    select
        lines.event_key,
        lines.line_number,
        lines.row_count,
    from lines
    left join events on lines.event_key = events.event_key
    where events.event_key is null
        or lines.row_count > 1
        or lines.product_id is null
        or lines.session_id is distinct from events.session_id
        or lines.is_bot is distinct from events.is_bot
        or lines.arrival_date <> events.arrival_date

)

select * from final
