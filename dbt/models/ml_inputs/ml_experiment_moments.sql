-- Sums over the units of each variant, by metric and segment, as it was known on the arrival date
-- `as_of_date`. A unit's own numbers are what it did from its first exposure on and, for CUPED, in
-- the weeks before.
with

acts as materialized (

    select * from {{ ref('ml_experiment_acts') }}

),

exposures as (

    select * from acts
    where act = 'exposure'

),

units as (

    {{ experiment_units('exposures') }}

),

-- A person may be a unit of several experiments, each with a time of its own.
unit_acts as (

    select
        acts.*,
        units.experiment as of_experiment,
        acts.event_ts >= units.exposed_at as is_after,
    from units
    inner join acts on units.person_id = acts.person_id
    where acts.event_ts
        >= units.exposed_at - interval ({{ var('experiment_before_days') }}) day

),

act_sums as (

    select
        of_experiment as experiment,
        person_id,
        is_after,
        sum(sessions) as sessions,
        sum(engaged_sessions) as engaged_sessions,
        sum(converting_sessions) as converting_sessions,
        sum(visitors) as visitors,
        sum(converting_visitors) as converting_visitors,
        sum(orders) as orders,
        sum(orders_without_value) as orders_without_value,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
        sum(gross_revenue) as gross_revenue,
    from unit_acts
    group by of_experiment, person_id, is_after

),

periods as (

    select
        units.experiment,
        units.person_id,
        unnest([true, false]) as is_after,
    from units

),

unit_sums as (

    select
        periods.experiment,
        periods.person_id,
        periods.is_after,
        1 as units,
        coalesce(act_sums.sessions, 0) as sessions,
        coalesce(act_sums.engaged_sessions, 0) as engaged_sessions,
        coalesce(act_sums.converting_sessions, 0) as converting_sessions,
        coalesce(act_sums.visitors, 0) as visitors,
        coalesce(act_sums.converting_visitors, 0) as converting_visitors,
        coalesce(act_sums.orders, 0) as orders,
        coalesce(act_sums.orders_without_value, 0) as orders_without_value,
        coalesce(cast(act_sums.orders > 0 as integer), 0) as ordering_units,
        coalesce(act_sums.impressions, 0) as impressions,
        coalesce(act_sums.clicks, 0) as clicks,
        coalesce(act_sums.gross_revenue, 0) as gross_revenue,
    from periods
    left join act_sums
        on periods.experiment = act_sums.experiment
        and periods.person_id = act_sums.person_id
        and periods.is_after = act_sums.is_after

),

numbers as (

    {{ ratio_numbers(experiment_metrics(), 'unit_sums', ['experiment', 'person_id', 'is_after']) }}

),

unit_numbers as (

    select
        experiment,
        person_id,
        metric,
        sum(numerator) filter (where is_after) as numerator,
        sum(denominator) filter (where is_after) as denominator,
        sum(numerator) filter (where not is_after) as numerator_before,
        sum(denominator) filter (where not is_after) as denominator_before,
    from numbers
    group by experiment, person_id, metric

),

members as (

    select
        experiment,
        person_id,
        variant,
        is_contaminated,
        exposed_at,
        unnest(['all', 'device_type=' || device_type, 'country=' || country]) as segment,
    from units

),

assigned as (

    select
        experiment,
        segment,
        variant,
        count(*) as assigned_units,
        count(*) filter (where is_contaminated) as contaminated_units,
        min(exposed_at) as first_exposed_at,
        max(exposed_at) as last_exposed_at,
    from members
    group by experiment, segment, variant

),

analysed as (

    select
        members.experiment,
        members.segment,
        members.variant,
        unit_numbers.metric,
        count(*) as units,
        {{ experiment_moments() }}
    from members
    inner join unit_numbers
        on members.experiment = unit_numbers.experiment
        and members.person_id = unit_numbers.person_id
    where not members.is_contaminated
    group by members.experiment, members.segment, members.variant, unit_numbers.metric

),

final as (

    select
        analysed.*,
        assigned.assigned_units,
        assigned.contaminated_units,
        assigned.first_exposed_at,
        assigned.last_exposed_at,
    from analysed
    inner join assigned
        on analysed.experiment = assigned.experiment
        and analysed.segment = assigned.segment
        and analysed.variant = assigned.variant

)

select * from final
