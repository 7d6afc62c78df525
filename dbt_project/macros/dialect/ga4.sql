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
