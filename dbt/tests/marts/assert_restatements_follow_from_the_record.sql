-- A publication says a value once, a later one replaces it only by another, and what arrived is
-- named only for values that did not stand.
with

rows_of_values as (

    select
        *,
        lead(published_value) over each_value as next_value,
        lead(publication) over each_value as next_publication,
    from {{ ref('kpi_restatements') }}
    window each_value as (partition by report_date, metric order by publication)

),

failures as (

    select * from rows_of_values
    where next_publication is distinct from replaced_by_publication
        or publication >= next_publication
        or (
            next_publication is not null
            and not {{ is_another_value('published_value', 'next_value') }}
        )
        or (not is_restated and next_publication is null and changed_by_events > 0)

)

select * from failures
