{{
    config(
        materialized='replace_touched',
        replace_key=['model', 'report_date'],
        prune_by='report_date',
        touched=['int_touched_attribution'],
    )
}}

with

touched as (

    select * from {{ ref('int_touched_attribution') }}

),

touches as (

    select
        *,
        epoch_us(ordered_at) - epoch_us(coalesce(touched_at, ordered_at)) as age_us,
        -- 40 % at each end and 20 % between are 2 (n - 2) to 1 for each of the n - 2.
        case
            when touch_count > 2 and position in (1, touch_count) then 2 * (touch_count - 2)
            else 1
        end as position_weight,
        cast(cast(coalesce(gross_revenue, 0) as decimal(28, 4)) * 10000 as hugeint) as credit_units,
        cast(1000000 as hugeint) as conversion_units,
    from {{ ref('int_order_touches') }}
    where report_date in (select distinct report_date from touched)

),

effects as (

    select
        report_month,
        channel,
        {{ whole_weight('removal_effect') }} as weight,
    from {{ ref('int_removal_effects') }}

),

weighed as (

    select
        touched.model,
        touches.order_key,
        touches.position,
        touches.report_date,
        touches.channel,
        touches.credit_units,
        touches.conversion_units,
        cast(case touched.model
            when 'first' then cast(touches.position = 1 as integer)
            when 'last' then cast(touches.position = touches.touch_count as integer)
            when 'last_non_direct' then cast(touches.is_last_non_direct as integer)
            when 'linear' then 1
            -- Halves every 7 days, which are so many microseconds.
            when 'time_decay'
                then {{ whole_weight('pow(2, -touches.age_us / cast(604800000000 as double))') }}
            when 'position_based' then touches.position_weight
            when 'shapley' then cast(touches.is_first_of_channel as integer)
            when 'markov' then coalesce(effects.weight, 0)
        end as hugeint) as weight,
    from touches
    inner join touched on touches.report_date = touched.report_date
    left join effects
        on touched.model = 'markov'
        and touches.is_first_of_channel
        and {{ month_of('touches.report_date') }} = effects.report_month
        and touches.channel = effects.channel

),

totalled as (

    select
        *,
        sum(weight) over (partition by model, order_key) as total_weight,
    from weighed
    where weight > 0

),

shares as (

    select
        model,
        report_date,
        channel,
        {{ largest_remainder('conversion_units') }} as conversion_units,
        {{ largest_remainder('credit_units') }} as credit_units,
    from totalled

),

final as (

    select
        model,
        report_date,
        channel,
        cast(cast(sum(conversion_units) as decimal(20, 0)) * 0.000001 as decimal(18, 6))
            as conversions,
        {{ total('cast(sum(credit_units) as decimal(34, 0)) * 0.0001') }} as credit,
    from shares
    group by model, report_date, channel

)

select * from final
