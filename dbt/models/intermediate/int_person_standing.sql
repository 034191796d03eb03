-- Where persons stand now: reviews, last cart, consents, what the CRM says, running experiments,
-- triggers. Whole in every run, as customer_360 is: carts and experiments end as time goes by.
with

as_of as (

    {{ latest_closed_date() }}

),

rated as (

    select
        visitor_id,
        user_id,
        reviewed_at,
        rating,
    from {{ ref('fct_reviews') }}
    where rating is not null and not is_bot

),

rated_by_persons as (

    {{ acts_of_persons('rated', 'reviewed_at') }}

),

reviews as (

    select
        person_id,
        count(*) as review_count,
        cast(sum(rating) as double) / count(*) as average_rating,
    from rated_by_persons
    group by person_id

),

carts as (

    select
        cart_key,
        visitor_id,
        user_id,
        state,
        value,
        opened_at,
        last_event_at,
    from {{ ref('fct_carts') }}
    where not is_bot

),

carts_of_persons as (

    {{ acts_of_persons('carts', 'last_event_at') }}

),

last_carts as (

    select
        person_id,
        state as last_cart_state,
        value as last_cart_value,
        last_event_at as last_cart_at,
    from carts_of_persons
    qualify row_number() over (partition by person_id order by opened_at desc, cart_key desc) = 1

),

consents as (

    {{ last_consents(ref('int_person_consents')) }}

),

agreed as (

    select
        person_id,
        list(purpose order by purpose) as consents,
    from consents
    where is_granted
    group by person_id

),

last_said as (

    select
        person_id,
        attribute,
        attribute_value,
    from {{ ref('int_person_attributes') }}
    qualify row_number() over (
            partition by person_id, attribute order by statement_order desc
        ) = 1

),

attributes as (

    select
        person_id,
        list(attribute || '=' || attribute_value order by attribute) as crm_attributes,
    from last_said
    where attribute_value is not null
    group by person_id

),

units as (

    select * from {{ ref('fct_experiment_units') }}

),

running as (

    select units.experiment
    from units
    cross join as_of
    group by units.experiment, as_of.as_of_date
    having cast(max(units.last_exposed_at) as date)
        >= as_of.as_of_date - {{ var('experiment_quiet_days') }}

),

experiments as (

    select
        person_id,
        list(experiment || '=' || variant order by experiment) as running_experiments,
    from units
    where experiment in (select experiment from running)
        and not is_contaminated
    group by person_id

),

triggers as (

    select
        person_id,
        count(*) as trigger_count,
        arg_max(rule, (fired_at, firing_id)) as last_trigger,
        max(fired_at) as last_triggered_at,
    from {{ ref('trigger_firings') }}
    group by person_id

),

persons as (

    select person_id from reviews
    union
    select person_id from last_carts
    union
    select person_id from agreed
    union
    select person_id from attributes
    union
    select person_id from experiments
    union
    select person_id from triggers

),

final as (

    select
        persons.person_id,
        reviews.review_count,
        reviews.average_rating,
        last_carts.last_cart_state,
        last_carts.last_cart_value,
        last_carts.last_cart_at,
        agreed.consents,
        attributes.crm_attributes,
        experiments.running_experiments,
        triggers.trigger_count,
        triggers.last_trigger,
        triggers.last_triggered_at,
    from persons
    left join reviews on persons.person_id = reviews.person_id
    left join last_carts on persons.person_id = last_carts.person_id
    left join agreed on persons.person_id = agreed.person_id
    left join attributes on persons.person_id = attributes.person_id
    left join experiments on persons.person_id = experiments.person_id
    left join triggers on persons.person_id = triggers.person_id
    where persons.person_id is not null

)

select * from final
