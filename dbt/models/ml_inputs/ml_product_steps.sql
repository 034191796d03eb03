-- Which product was looked at after which in one visit, as it was known on the arrival date
-- `as_of_date`; over up to three products, a look at the same one again apart. Nobody is named.
with

looks as (

    select
        visitor_id,
        product_id,
        event_date,
        event_ts,
        event_key,
        line_number,
    from ({{ bots_as_of(ref('fct_product_interactions')) }}) as interactions
    where arrival_date <= cast(getvariable('as_of_date') as date)
        and (
            event_date between cast(getvariable('window_from') as date)
            and cast(getvariable('as_of_date') as date)
        )
        and visitor_id is not null
        and interaction in ('product_view', 'product_click', 'cart_add')
        and not is_bot

),

ordered as (

    select
        *,
        event_ts - lag(event_ts) over (
            partition by visitor_id order by event_ts, event_key, line_number
        ) as pause,
        lag(product_id) over (
            partition by visitor_id order by event_ts, event_key, line_number
        ) as product_before,
        -- A visit of the shop's own, whatever a tracker says.
        '' as tracker_session,
    from looks

),

visits as (

    select
        *,
        sum(cast({{ opens_run() }} as integer)) over (
            partition by visitor_id order by event_ts, event_key, line_number
            rows unbounded preceding
        ) as visit_number,
    from ordered

),

products as (

    select
        *,
        row_number() over (
            partition by visitor_id, visit_number order by event_ts, event_key, line_number
        ) as place,
    from visits
    where product_before is distinct from product_id or ({{ opens_run() }})

),

final as (

    select
        earlier.event_date,
        earlier.product_id,
        later.product_id as next_product_id,
        later.place - earlier.place as distance,
        count(*) as n,
    from products as earlier
    inner join products as later
        on earlier.visitor_id = later.visitor_id
        and earlier.visit_number = later.visit_number
        and later.place in (earlier.place + 1, earlier.place + 2, earlier.place + 3)
    where earlier.product_id <> later.product_id
    group by all

)

select * from final
