{#
    How far attribution looks. Sessions lend their channel, and count for an order, for so many days
    of 24 hours; with a change of clocks that is a report date more.
#}
{% macro look_back() -%}
    interval ({{ var('attribution_days') }}) day
{%- endmacro %}

{# A row for each report date that looks back as far as this one, itself the first. #}
{% macro dates_after(report_date) -%}
    unnest(list_transform(
        range(0, {{ var('attribution_days') }} + 2),
        lambda days: {{ report_date }} + cast(days as integer)
    ))
{%- endmacro %}

{# A row for each report date that this one looks back to, itself the first. #}
{% macro dates_before(report_date) -%}
    unnest(list_transform(
        range(0, {{ var('attribution_days') }} + 2),
        lambda days: {{ report_date }} - cast(days as integer)
    ))
{%- endmacro %}

{% macro attribution_models() -%}
    select unnest([
        'first', 'last', 'last_non_direct', 'linear', 'time_decay', 'position_based', 'shapley',
        'markov',
    ]) as model
{%- endmacro %}

{# Weights that are no fractions are whole numbers of this part. #}
{% macro whole_weight(weight) -%}
    greatest(1, cast(round({{ weight }} * 1073741824) as bigint))
{%- endmacro %}

{#
    A touch's share of its order's `amount`, a whole number, by `weight` of `total_weight`. The
    largest remainders get what is left over, of equal ones the earlier touch. Whole numbers alone,
    so that shares add up, and are the same whatever the order of rows.
#}
{% macro largest_remainder(amount) -%}
    {%- set whole = 'abs(' ~ amount ~ ') * weight // total_weight' -%}
    {%- set remainder = 'abs(' ~ amount ~ ') * weight % total_weight' -%}
    case when {{ amount }} < 0 then -1 else 1 end * (
        {{ whole }} + case
            when row_number() over (
                    partition by model, order_key order by {{ remainder }} desc, position
                ) <= abs({{ amount }}) - sum({{ whole }}) over (partition by model, order_key)
                then 1
            else 0
        end
    )
{%- endmacro %}

{#
    Sessions in order as touches: neighbours of one channel are one, as old as the last of them.
    `visits` has the columns of `key`, session_id, channel and started_at; each key is a path.
#}
{% macro merged_touches(visits, key) -%}
    with

    neighbours as (

        select
            *,
            coalesce(
                channel <> lag(channel) over (
                    partition by {{ key }} order by started_at, session_id
                ),
                true
            ) as opens_touch,
        from {{ visits }}

    ),

    placed as (

        select
            *,
            sum(cast(opens_touch as integer)) over (
                partition by {{ key }} order by started_at, session_id rows unbounded preceding
            ) as position,
        from neighbours

    ),

    touches as (

        select
            {{ key }},
            cast(position as integer) as position,
            any_value(channel) as channel,
            arg_max(session_id, {{ event_order('started_at', 'session_id') }}) as session_id,
            cast(count(*) as integer) as session_count,
            max(started_at) as touched_at,
        from placed
        group by {{ key }}, position

    )

    select
        *,
        cast(count(*) over (partition by {{ key }}) as integer) as touch_count,
        row_number() over (partition by {{ key }}, channel order by position) = 1
            as is_first_of_channel,
        row_number() over (
            partition by {{ key }} order by channel = 'Direct', position desc
        ) = 1 as is_last_non_direct,
    from touches
{%- endmacro %}

{# The report dates of the months in `months`, which has their first dates as report_month. #}
{% macro dates_of_months(months) -%}
    select
        report_month,
        cast(unnest(generate_series(
            cast(report_month as timestamp),
            cast(report_month as timestamp) + interval 1 month - interval 1 day,
            interval 1 day
        )) as date) as report_date,
    from {{ months }}
{%- endmacro %}

{% macro month_of(report_date) -%}
    cast(date_trunc('month', {{ report_date }}) as date)
{%- endmacro %}

{#
    The probability of getting from `(start)` to a conversion in each of the chains in `edges`: rows
    of report_month, removed (the chain), state, next_state and probability; states are numbers, 0
    the start, -1 the conversion, channels 1, 2, … A channel a round is taken out, and who came to
    it goes on to where it led. Each sum has two parts at most, so that no order of adding matters.
    `chains` has the number of channels of each month.

    Source: censored chains; Grassmann, Taksar, Heyman (1985), Operations Research 33(5).
#}
{% macro conversion_probabilities(edges, chains) -%}
    with recursive

    rounds as (

        select
            0 as round_number,
            *,
        from {{ edges }}
        union all
        (
            with

            now as (

                select
                    rounds.*,
                    rounds.round_number + 1 as gone,
                from rounds
                inner join {{ chains }} as chains on rounds.report_month = chains.report_month
                where rounds.round_number < chains.channel_count

            ),

            loops as (

                select
                    report_month,
                    removed,
                    probability,
                from now
                where state = gone and next_state = gone

            ),

            parts as (

                select
                    report_month,
                    removed,
                    gone,
                    state,
                    next_state,
                    probability,
                from now
                where state <> gone and next_state <> gone
                union all
                select
                    arriving.report_month,
                    arriving.removed,
                    arriving.gone,
                    arriving.state,
                    leaving.next_state,
                    arriving.probability * leaving.probability
                    / (1 - coalesce(loops.probability, 0)) as probability,
                from now as arriving
                inner join now as leaving
                    on arriving.report_month = leaving.report_month
                    and arriving.removed = leaving.removed
                    and arriving.next_state = arriving.gone
                    and leaving.state = leaving.gone
                left join loops
                    on arriving.report_month = loops.report_month
                    and arriving.removed = loops.removed
                where arriving.state <> arriving.gone and leaving.next_state <> leaving.gone

            )

            select
                gone as round_number,
                report_month,
                removed,
                state,
                next_state,
                sum(probability) as probability,
            from parts
            group by gone, report_month, removed, state, next_state
        )

    )

    select
        rounds.report_month,
        rounds.removed,
        rounds.probability,
    from rounds
    inner join {{ chains }} as chains
        on rounds.report_month = chains.report_month
        and rounds.round_number = chains.channel_count
    where rounds.state = 0 and rounds.next_state = -1
{%- endmacro %}
