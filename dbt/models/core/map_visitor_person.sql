{{ config(replace_key=['visitor_id'], touched=['int_touched_visitors']) }}

with

visitors as (

    select * from {{ ref('int_touched_visitors') }}
    where exists_now

),

evidence as (

    select * from {{ ref('int_identity_evidence') }}
    where visitor_id in (select visitor_id from visitors)

),

final as (

    {{ visitor_ties('evidence', 'visitors') }}

)

select * from final
