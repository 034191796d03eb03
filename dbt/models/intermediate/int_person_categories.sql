{{
    config(
        materialized='replace_touched',
        replace_key=['visitor_id', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_visitor_days'],
    )
}}

with

touched as (

    select distinct
        visitor_id,
        report_date,
    from {{ ref('int_touched_visitor_days') }}

),

interactions as (

    select
        *,
        {{ category_weight('interaction') }} as weight,
    from {{ ref('fct_product_interactions') }}
    where (visitor_id, report_date) in (select visitor_id, report_date from touched)
        and report_date in (select distinct report_date from touched)
        and interaction in ('product_view', 'cart_add', 'order')
        and category is not null
        and not is_bot

),

labelled as (

    {{ acts_of_persons('interactions', 'event_ts') }}

),

final as (

    select
        visitor_id,
        report_date,
        person_id,
        category,
        cast(sum(weight) as bigint) as weight,
    from labelled
    group by visitor_id, report_date, person_id, category

)

select * from final
