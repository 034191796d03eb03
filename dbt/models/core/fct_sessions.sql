{{
    config(
        replace_key=['session_id'],
        prune_by='report_date',
        touched=['int_session_windows'],
        reads_itself=true,
    )
}}

with

remade as (

    select
        session_id,
        visitor_id,
        started_at,
    from {{ ref('int_sessions_remade') }}

),

-- From its first touched moment on, a visitor's sessions may have other numbers.
changed_from as (

    select
        visitor_id,
        min(changed_at) as changed_at,
    from (
        select
            visitor_id,
            started_at as changed_at,
        from remade
        union all
        select
            visitor_id,
            started_at as changed_at,
        from {{ ref('int_session_windows') }}
    ) as changes
    group by visitor_id

),

-- By visitor, whenever: how many there were before, and which come after, has no date.
known as (

    select
        sessions.session_id,
        sessions.visitor_id,
        sessions.report_date,
        sessions.started_at,
        sessions.session_number,
        sessions.started_at < changed_from.changed_at as is_before,
    from {{ state('fct_sessions') }} as sessions
    inner join changed_from on sessions.visitor_id = changed_from.visitor_id
    where sessions.session_id not in (select session_id from {{ ref('int_session_windows') }})

),

counted_before as (

    select
        visitor_id,
        count(*) as session_count,
    from known
    where is_before
    group by visitor_id

),

sequence as (

    select
        session_id,
        visitor_id,
        started_at,
        cast(null as bigint) as stored_number,
    from remade
    union all
    select
        session_id,
        visitor_id,
        started_at,
        session_number as stored_number,
    from known
    where not is_before

),

numbered as (

    select
        sequence.session_id,
        sequence.stored_number,
        coalesce(counted_before.session_count, 0) + row_number() over (
            partition by sequence.visitor_id order by sequence.started_at, sequence.session_id
        ) as session_number,
    from sequence
    left join counted_before on sequence.visitor_id = counted_before.visitor_id

),

renumbered as (

    select
        known.session_id,
        known.report_date,
    from known
    inner join numbered on known.session_id = numbered.session_id
    where numbered.stored_number is distinct from numbered.session_number

),

attributes as (

    select * from {{ ref('int_sessions_remade') }}
    union all by name
    select * exclude (session_number, is_new_visitor, is_bounce)
    from {{ state('fct_sessions') }}
    where session_id in (select session_id from renumbered)
        and report_date in (select distinct report_date from renumbered)

),

final as (

    select
        attributes.*,
        numbered.session_number,
        numbered.session_number = 1 as is_new_visitor,
        not attributes.is_engaged as is_bounce,
    from attributes
    inner join numbered on attributes.session_id = numbered.session_id

)

select * from final
