{{ config(meta={'dagster': {'ref': {'name': 'fct_reviews'}}}) }}

-- Each review of a touched event stands once, as the line that fct_product_interactions has of it;
-- stars are 1 to 5, and a negative one has some.
with

touched as (

    select
        event_key,
        event_date,
    from {{ ref('int_events_remade') }}

),

lines as (

    select
        event_key,
        line_number,
        product_id,
        session_id,
    from {{ ref('fct_product_interactions') }}
    where interaction = 'review'
        and event_key in (select event_key from touched)
        and event_date in (select distinct event_date from touched)

),

reviews as (

    select
        event_key,
        line_number,
        product_id,
        session_id,
        coalesce(rating between 1 and 5, true) and (rating is not null or not is_negative)
            as is_sound,
        count(*) over (partition by event_key, line_number) as row_count,
    from {{ ref('fct_reviews') }}
    where event_key in (select event_key from touched)
        and event_date in (select distinct event_date from touched)

),

final as (

    select
        coalesce(lines.event_key, reviews.event_key) as event_key,
        coalesce(lines.line_number, reviews.line_number) as line_number,
    from lines
    full join reviews
        on lines.event_key = reviews.event_key
        and lines.line_number = reviews.line_number
    where reviews.event_key is null
        or lines.event_key is null
        or reviews.row_count > 1
        or lines.product_id <> reviews.product_id
        or lines.session_id is distinct from reviews.session_id
        or not reviews.is_sound

)

select * from final
