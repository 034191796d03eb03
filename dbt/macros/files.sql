{#
    Which files a run reads. The log is read by name, from the seals and for the work set alone: a
    part that a crash left without a seal is never read, and an older day is never opened. Without a
    work set, everything.
#}
{% macro select_log_files() -%}
    set variable log_files = (
        select list('{{ env_var("FOOTFALL_HOME") }}/' || path order by path)
        from (
            select path
            from {{ source('inputs', 'log_parts') }}
            where arrival_date in (select arrival_date from {{ ref('int_work_set') }})
            union all
            select 'warehouse/inputs/empty_events.parquet'
        ) as parts
    )
{%- endmacro %}

{% macro select_ml_files(output) -%}
    set variable ml_{{ output }}_files = (
        select list(file order by file)
        from (
            select file
            from glob('{{ env_var("FOOTFALL_HOME") }}/ml/{{ output }}/*/*.parquet')
            where cast(regexp_extract(file, 'partition_date=([0-9-]{10})', 1) as date)
                in (select arrival_date from {{ ref('int_work_set') }})
            union all
            select '{{ env_var("FOOTFALL_HOME") }}/warehouse/inputs/empty_{{ output }}.parquet'
        ) as files
    )
{%- endmacro %}
