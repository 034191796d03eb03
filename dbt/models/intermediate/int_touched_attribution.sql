-- Models and dates to share anew. A removal effect is that of a month: all its orders hang on it.
with

models as (

    {{ attribution_models() }}

),

months as (

    select report_month from {{ ref('int_touched_months') }}

),

month_dates as (

    {{ dates_of_months('months') }}

),

final as (

    select
        models.model,
        paths.report_date,
    from models
    cross join (select distinct report_date from {{ ref('int_touched_paths') }}) as paths
    where models.model <> 'markov'
    union all
    select
        models.model,
        month_dates.report_date,
    from models
    cross join month_dates
    where models.model = 'markov'

)

select * from final
