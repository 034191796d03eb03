with

asked as (

    select distinct arrival_date from state.work_set

),

everything as (

    select distinct arrival_date
    from {{ source('inputs', 'log_days') }}
    where not exists (select 1 from asked)

),

final as (

    select arrival_date from asked
    union all
    select arrival_date from everything

)

select * from final
