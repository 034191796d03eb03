-- Where the sessions of the windows came from: what the first event that says anything says.
with

events as (

    select
        session_id,
        event_ts,
        event_key,
        utm_source,
        utm_medium,
        utm_campaign,
        -- Nobody comes from where he is.
        case
            when {{ referrer_host('referrer') }} = nullif({{ referrer_host('page_url') }}, '')
                then null
            else referrer
        end as referrer,
        -- Few events have one, and to look into JSON is dear.
        case
            when contains(properties, '"click_id_kind"') then properties ->> '$.click_id_kind'
        end as stated_click_id_kind,
    from {{ ref('int_events_remade') }}
    where session_id is not null

),

known as (

    select
        * exclude (stated_click_id_kind),
        case
            when stated_click_id_kind in ({{ click_ids('kinds') }}) then stated_click_id_kind
        end as click_id_kind,
    from events

),

first_said as (

    select
        * exclude (event_ts, event_key),
        {{ campaign_said('utm_source') }} as source_said,
        {{ campaign_said('utm_medium') }} as medium_said,
        {{ campaign_said('utm_campaign') }} as campaign_said,
        nullif({{ referrer_host('referrer') }}, '') as host,
    from known
    where coalesce(utm_source, utm_medium, utm_campaign, referrer, click_id_kind) is not null
    qualify row_number() over (partition by session_id order by event_ts, event_key) = 1

),

told as (

    select
        *,
        case
            when coalesce(source_said, medium_said) is not null then 'campaign'
            when click_id_kind is not null then 'click'
            when campaign_said is null and host is not null then 'referrer'
        end as told_by,
    from first_said

),

sourced as (

    select
        *,
        case told_by
            when 'campaign' then source_said
            when 'click' then case click_id_kind {{ click_ids('source') }} end
            when 'referrer' then host
        end as traffic_source,
    from told

),

final as (

    select
        sourced.session_id,
        sourced.utm_source,
        sourced.utm_medium,
        sourced.utm_campaign,
        sourced.referrer,
        sourced.click_id_kind,
        sourced.traffic_source,
        case sourced.told_by
            when 'campaign' then sourced.medium_said
            when 'click' then case sourced.click_id_kind {{ click_ids('medium') }} end
            when 'referrer'
                then case when hosts.kind = 'search' then 'organic' else 'referral' end
        end as traffic_medium,
        coalesce(sourced.campaign_said, '') as campaign_said,
        coalesce(hosts.kind, '') as source_kind,
    from sourced
    left join {{ ref('referrer_hosts') }} as hosts on sourced.traffic_source = hosts.host

)

select * from final
