-- Each row of the history changes something, and a person's attribute changes once a publication.
with

repeated as (

    select
        person_id,
        attribute,
        publication,
    from {{ ref('customer_360_history') }}
    group by person_id, attribute, publication
    having count(*) > 1

),

unchanged as (

    select
        person_id,
        attribute,
        publication,
    from {{ ref('customer_360_history') }}
    where old_value is not distinct from new_value

)

select * from repeated
union all
select * from unchanged
