{{
    config(
        materialized='replace_touched',
        replace_key=['person_id'],
        touched=['int_touched_persons'],
    )
}}

with

touched as (

    select distinct person_id from {{ ref('int_touched_persons') }}

),

days as (

    select * from {{ ref('int_person_days') }}
    where person_id in (select person_id from touched)

),

category_sums as (

    select
        person_id,
        category,
        sum(weight) as weight,
    from {{ ref('int_person_categories') }}
    where person_id in (select person_id from touched)
    group by person_id, category

),

favourites as (

    select
        person_id,
        category,
    from category_sums
    qualify row_number() over (partition by person_id order by weight desc, category) = 1

),

order_days as (

    select
        person_id,
        report_date,
        sum(order_count) as order_count,
    from days
    where order_count > 0
    group by person_id, report_date
    qualify row_number() over (partition by person_id order by report_date) = 1

),

totals as (

    select
        person_id,
        max(user_id) filter (where {{ user_person_id('user_id') }} = person_id) as user_id,
        count(distinct user_id) as user_count,
        cast(sum(all_event_count) as bigint) as all_event_count,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(product_views) as bigint) as product_views,
        cast(sum(cart_adds) as bigint) as cart_adds,
        cast(sum(session_count) as bigint) as session_count,
        cast(sum(order_count) as bigint) as order_count,
        cast(sum(valued_order_count) as bigint) as valued_order_count,
        {{ total('sum(gross_revenue)') }} as gross_revenue,
        {{ total('sum(refunds)') }} as refunds,
        count(distinct visitor_id) filter (where all_event_count > 0) as all_visitor_count,
        count(distinct visitor_id) filter (where event_count > 0) as visitor_count,
        min(all_first_seen_at) as all_first_seen_at,
        max(all_last_seen_at) as all_last_seen_at,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(first_order_at) as first_order_at,
        max(last_order_at) as last_order_at,
        max(report_date) filter (where order_count > 0) as last_order_date,
        min(report_date) filter (where session_count > 0) as first_session_date,
        min(report_date) filter (where sign_ups > 0) as first_sign_up_date,
        min(report_date) filter (where active_event_count > 0) as first_active_date,
        max(report_date) filter (where active_event_count > 0) as last_active_date,
        arg_max(last_device_type, last_device_order) as last_device_type,
        arg_max(last_country, last_country_order) as last_country,
        arg_min(first_channel, first_session_order) as first_channel,
        arg_max(last_channel, last_session_order) as last_channel,
    from days
    group by person_id

),

final as (

    select
        totals.*,
        favourites.category as favourite_category,
        order_days.report_date as first_order_date,
        cast(order_days.order_count as bigint) as first_date_order_count,
    from totals
    left join favourites on totals.person_id = favourites.person_id
    left join order_days on totals.person_id = order_days.person_id

)

select * from final
