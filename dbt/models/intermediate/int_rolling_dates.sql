-- A touched date shows in the rolling counts of itself and the 29 dates after it.
with

final as (

    select distinct
        unnest(
            list_transform(range(30), lambda ahead: report_date + cast(ahead as integer))
        ) as report_date
    from {{ ref('int_touched_dates') }}

)

select * from final
