{#- The latest word of each identifier and channel: for one identifier that one counts. -#}
{% macro latest_consent_words() -%}
    (
        select
            identifier_type,
            identifier,
            channel,
            consent_state,
            changed_at
        from {{ ref('int_consent_events_unioned') }}
        qualify row_number() over (
            partition by identifier_type, identifier, channel
            -- At the same moment an opt-out goes before an opt-in.
            order by changed_at desc, consent_state desc
        ) = 1
    )
{%- endmacro %}


{#- The channel that a suppression of the ledger holds for; an unnamed one holds for e-mail. -#}
{% macro suppressed_channel(channel) -%}
    case
        when {{ channel }} in ('email', 'sms', 'push', 'analytics') then {{ channel }}
        else 'email'
    end
{%- endmacro %}
