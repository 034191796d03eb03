{{ config(materialized='made_whole') }}

-- One row a person, whole in every run: recency and quintiles move for everybody each day.
with

totals as (

    select * from {{ ref('int_person_totals') }}
    where event_count > 0
        and person_id not in (select person_id from {{ ref('int_erased_persons') }})

),

as_of as (

    {{ latest_closed_date() }}

),

buyers as (

    select
        totals.person_id,
        case
            when as_of.as_of_date is not null
                then cast(greatest(as_of.as_of_date - totals.last_order_date, 0) as bigint)
        end as recency_days,
        totals.order_count,
        {{ net_of('totals.gross_revenue', 'totals.refunds') }} as monetary,
    from totals
    cross join as_of
    where totals.order_count > 0

),

scores as (

    select
        person_id,
        recency_days,
        ntile(5) over (order by recency_days desc, person_id) as recency_score,
        ntile(5) over (order by order_count, person_id) as frequency_score,
        ntile(5) over (order by monetary, person_id) as monetary_score,
    from buyers

),

latest_recommendations as (

    select
        person_id,
        list(product_id order by rank) as top_recommendations,
    from {{ ref('recommendations') }}
    where partition_date = (select max(partition_date) from {{ ref('recommendations') }})
    group by person_id

),

latest_anomalies as (

    select
        entity_id as person_id,
        case
            when bool_or(is_anomaly) then 'high'
            when min(p_value) < 0.01 then 'elevated'
            else 'none'
        end as anomaly_level,
    from {{ ref('anomaly_scores') }}
    -- A session that a machine seems to read says nothing against the safety of an account.
    where entity_type in ('login', 'file_access')
        and partition_date > (
            select max(partition_date) - {{ var('anomaly_level_days') }}
            from {{ ref('anomaly_scores') }}
        )
    group by entity_id

),

latest_clv as (

    select
        person_id,
        predicted_clv,
    from {{ ref('clv_predictions') }}
    where partition_date = (select max(partition_date) from {{ ref('clv_predictions') }})

),

latest_churn as (

    select
        person_id,
        churn_risk,
    from {{ ref('churn_risk') }}
    where partition_date = (select max(partition_date) from {{ ref('churn_risk') }})

),

latest_propensity as (

    select
        person_id,
        probability as purchase_likelihood,
    from {{ ref('purchase_propensity') }}
    where partition_date = (select max(partition_date) from {{ ref('purchase_propensity') }})

),

final as (

    select
        totals.person_id,
        totals.user_id,
        totals.user_id is not null as is_known,
        totals.visitor_count,
        totals.event_count,
        totals.session_count,
        totals.page_views,
        totals.product_views,
        totals.cart_adds,
        totals.order_count,
        totals.gross_revenue,
        totals.refunds,
        {{ net_of('totals.gross_revenue', 'totals.refunds') }} as monetary,
        cast(totals.gross_revenue as double) / nullif(totals.valued_order_count, 0) as aov,
        scores.recency_days,
        cast(scores.recency_score as integer) as recency_score,
        cast(scores.frequency_score as integer) as frequency_score,
        cast(scores.monetary_score as integer) as monetary_score,
        scores.recency_score || '' || scores.frequency_score || '' || scores.monetary_score
            as rfm_segment,
        totals.favourite_category,
        totals.last_device_type,
        totals.last_country,
        totals.first_channel,
        totals.last_channel,
        latest_recommendations.top_recommendations,
        coalesce(latest_anomalies.anomaly_level, 'none') as anomaly_level,
        latest_clv.predicted_clv,
        latest_churn.churn_risk,
        latest_propensity.purchase_likelihood,
        coalesce(standing.review_count, 0) as review_count,
        standing.average_rating,
        standing.last_cart_state,
        standing.last_cart_value,
        standing.last_cart_at,
        coalesce(standing.consents, []) as consents,
        coalesce(standing.crm_attributes, []) as crm_attributes,
        coalesce(standing.running_experiments, []) as running_experiments,
        coalesce(standing.trigger_count, 0) as trigger_count,
        standing.last_trigger,
        standing.last_triggered_at,
        totals.first_seen_at,
        totals.last_seen_at,
        totals.first_order_at,
        totals.last_order_at,
    from totals
    left join scores on totals.person_id = scores.person_id
    left join latest_recommendations on totals.person_id = latest_recommendations.person_id
    left join latest_anomalies on totals.person_id = latest_anomalies.person_id
    left join latest_clv on totals.person_id = latest_clv.person_id
    left join latest_churn on totals.person_id = latest_churn.person_id
    left join {{ ref('int_person_standing') }} as standing
        on totals.person_id = standing.person_id
    left join latest_propensity on totals.person_id = latest_propensity.person_id

)

select * from final
