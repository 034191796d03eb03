-- Users who were one person by what was known on the arrival date `as_of_date`; whoever is not here
-- is a person alone.
with

evidence as (

    select * from {{ ref('int_key_evidence') }}
    where arrival_date <= cast(getvariable('as_of_date') as date)

),

ties as (

    {{ usable_ties('evidence', 'evidence') }}

),

oldest as (

    {{ oldest_users('ties') }}

),

final as (

    select
        user_id,
        {{ user_person_id('oldest_user_id') }} as person_id,
    from oldest

)

select * from final
