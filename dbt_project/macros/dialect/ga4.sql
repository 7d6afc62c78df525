{#-
The value of one event parameter of GA4's export; null where the event hasn't got it.

Args: key, and the field of the value struct: string_value, int_value, float_value, double_value.
-#}
{% macro ga4_param(key, field) -%}
    ([
        param['value']['{{ field }}'] for param in event_params
        if param['key'] = '{{ key }}'
    ])[1]
{%- endmacro %}


{#-
A field of GA4's own verdict on what brought the session; null where it has none.

Our own tags go first, because their campaign id is our campaign code; then what Google names.
Args: field, one of campaign_id, source, medium.
-#}
{% macro ga4_verdict(field) -%}
    nullif(
        trim(
            coalesce(
                session_traffic_source_last_click['manual_campaign']['{{ field }}'],
                session_traffic_source_last_click['cross_channel_campaign']['{{ field }}']
            )
        ),
        ''
    )
{%- endmacro %}
