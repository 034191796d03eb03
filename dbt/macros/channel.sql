{#
    The channel of a session by its campaign parameters and referrer; the rule is in
    docs/metrics.md.
#}
{% macro referrer_host(referrer) -%}
    regexp_replace(
        regexp_extract(lower({{ referrer }}), '//([^/?#:]+)', 1), '^www\.', ''
    )
{%- endmacro %}

{% macro channel(utm_source, utm_medium, utm_campaign, referrer, host_kind) -%}
    case
        when lower({{ utm_medium }}) in ('cpc', 'ppc', 'paidsearch', 'paid') then 'Paid Search'
        when lower({{ utm_medium }}) in ('paidsocial', 'paid_social', 'social-paid')
            then 'Paid Social'
        when lower({{ utm_medium }}) in ('display', 'banner', 'cpm') then 'Display'
        when lower({{ utm_medium }}) in ('email', 'e-mail')
            or lower({{ utm_source }}) in ('email', 'newsletter') then 'Email'
        when lower({{ utm_medium }}) = 'affiliate' then 'Affiliates'
        when lower({{ utm_medium }}) = 'sms' then 'SMS'
        when lower({{ utm_medium }}) in ('social', 'social-network', 'sm') then 'Organic Social'
        when lower({{ utm_medium }}) = 'organic' then 'Organic Search'
        when lower({{ utm_medium }}) = 'referral' then 'Referral'
        when lower({{ utm_medium }}) in ('push', 'mobile', 'notification')
            then 'Mobile Push Notifications'
        when coalesce({{ utm_source }}, {{ utm_medium }}, {{ utm_campaign }}) is not null
            then 'Unassigned'
        when {{ host_kind }} = 'search' then 'Organic Search'
        when {{ host_kind }} = 'social' then 'Organic Social'
        when {{ referrer_host(referrer) }} <> '' then 'Referral'
        else 'Direct'
    end
{%- endmacro %}
