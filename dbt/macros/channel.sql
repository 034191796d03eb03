{#
    Where a session came from and the channel that this is, by Google Analytics 4's default channel
    group; the rules are in docs/metrics.md.
#}

{# The source and medium that a click of an advertisement stands for, by its parameter's name. #}
{% macro click_ids(part) -%}
    {%- set clicks = {
        'gclid': ('google', 'cpc'),
        'gbraid': ('google', 'cpc'),
        'wbraid': ('google', 'cpc'),
        'dclid': ('google', 'display'),
        'msclkid': ('bing', 'cpc'),
        'yclid': ('yandex', 'cpc'),
        'ttclid': ('tiktok', 'cpc'),
        'twclid': ('twitter', 'cpc'),
        'li_fat_id': ('linkedin', 'cpc'),
        'fbclid': ('facebook', 'social'),
        'srsltid': ('google shopping', 'organic'),
    } -%}
    {%- if part == 'kinds' -%}
        '{{ clicks | join("', '") }}'
    {%- else -%}
        {%- for kind, source_medium in clicks.items() %}
        when '{{ kind }}' then '{{ source_medium[0 if part == "source" else 1] }}'
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro referrer_host(referrer) -%}
    regexp_replace(
        regexp_extract(lower({{ referrer }}), '//([^/?#:]+)', 1), '^www\.', ''
    )
{%- endmacro %}

{# A campaign parameter as it counts; null where it says nothing. #}
{% macro campaign_said(parameter) -%}
    case
        when lower(trim({{ parameter }})) not in ('', '(direct)', '(none)', '(not set)')
            then lower(trim({{ parameter }}))
    end
{%- endmacro %}

{% macro is_paid_medium(medium) -%}
    regexp_full_match({{ medium }}, '.*cp.*|ppc|retargeting|paid.*')
{%- endmacro %}

{% macro is_shop_campaign(campaign) -%}
    regexp_matches({{ campaign }}, '([^a-df-z]|^)shop|shopping')
{%- endmacro %}

{# `kind` is the source's in the seed `referrer_hosts`; all four are texts, '' for none. #}
{% macro channel(source, medium, campaign, kind) -%}
    case
        when {{ source }} in ('', 'direct') and {{ medium }} = ''
            and ({{ source }} = 'direct' or {{ campaign }} = '') then 'Direct'
        when contains({{ campaign }}, 'cross-network') then 'Cross-network'
        when {{ is_paid_medium(medium) }}
            and ({{ kind }} = 'shopping' or {{ is_shop_campaign(campaign) }}) then 'Paid Shopping'
        when {{ is_paid_medium(medium) }} and {{ kind }} = 'search' then 'Paid Search'
        when {{ is_paid_medium(medium) }} and {{ kind }} = 'social' then 'Paid Social'
        when {{ is_paid_medium(medium) }} and {{ kind }} = 'video' then 'Paid Video'
        when {{ medium }} in ('display', 'banner', 'expandable', 'interstitial', 'cpm')
            then 'Display'
        when {{ is_paid_medium(medium) }} then 'Paid Other'
        when {{ kind }} = 'shopping' or {{ is_shop_campaign(campaign) }} then 'Organic Shopping'
        when {{ kind }} = 'social'
            or {{ medium }} in (
                'social', 'social-network', 'social-media', 'sm', 'social network', 'social media'
            ) then 'Organic Social'
        when {{ kind }} = 'video' or contains({{ medium }}, 'video') then 'Organic Video'
        when {{ kind }} = 'search' or {{ medium }} = 'organic' then 'Organic Search'
        when {{ medium }} in ('referral', 'app', 'link') then 'Referral'
        when {{ source }} in ('email', 'e-mail', 'e_mail', 'e mail')
            or {{ medium }} in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
        when {{ medium }} = 'affiliate' then 'Affiliates'
        when {{ medium }} = 'audio' then 'Audio'
        when {{ source }} = 'sms' or {{ medium }} = 'sms' then 'SMS'
        when suffix({{ medium }}, 'push')
            or contains({{ medium }}, 'mobile')
            or contains({{ medium }}, 'notification')
            or {{ source }} = 'firebase' then 'Mobile Push Notifications'
        else 'Unassigned'
    end
{%- endmacro %}

{#
    Where sessions, or whatever else `key` names, came from: what the first event that says anything
    says. `events` is a CTE with the key, event_ts, event_key, utm_source, utm_medium, utm_campaign,
    referrer, page_url and properties.
#}
{% macro origins_of(events, key) -%}
    with

    told_of as (

        select
            {{ key }},
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
        from {{ events }}

    ),

    known as (

        select
            * exclude (stated_click_id_kind),
            case
                when stated_click_id_kind in ({{ click_ids('kinds') }}) then stated_click_id_kind
            end as click_id_kind,
        from told_of

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
        qualify row_number() over (partition by {{ key }} order by event_ts, event_key) = 1

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

    )

    select
        sourced.{{ key }},
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
{%- endmacro %}
