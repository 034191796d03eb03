-- The cart events of the windows, each with the start of its stretch: as long as no pause is longer
-- than an open cart lasts, what is in the cart may hang on all that was before.
with

limits as (

    select * from {{ ref('int_cart_limits') }}

),

windows as (

    select * from {{ ref('int_cart_windows') }}

),

dates as (

    select distinct
        cast(unnest({{ dates_between('started_at', 'ended_at') }}) as date) as event_date
    from windows

),

near as (

    select * from {{ ref('int_cart_actions') }}
    where holder_key in (select holder_key from windows)
        and event_date in (select event_date from dates)

),

within as (

    select distinct near.event_key
    from near
    inner join windows
        on near.holder_key = windows.holder_key
        and near.event_ts between windows.started_at and windows.ended_at

),

pauses as (

    select
        near.*,
        coalesce(
            near.event_ts - lag(near.event_ts) over (
                partition by near.holder_key order by near.event_ts, near.event_key
            ) > limits.timeout,
            true
        ) as opens_stretch,
    from near
    cross join limits
    where near.event_key in (select event_key from within)

),

numbered as (

    select
        *,
        sum(cast(opens_stretch as integer)) over (
            partition by holder_key order by event_ts, event_key rows unbounded preceding
        ) as stretch_number,
    from pauses

),

final as (

    select
        * exclude (opens_stretch, stretch_number),
        min(event_ts) over (partition by holder_key, stretch_number) as stretch_started_at,
    from numbered

)

select * from final
