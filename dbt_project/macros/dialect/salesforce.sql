{#- A number as Salesforce fields compare it: no exponent, no trailing zero. -#}
{% macro canonical_number(number, scale=0) -%}
    {%- if scale == 0 -%}
        cast(cast({{ number }} as bigint) as varchar)
    {%- else -%}
        rtrim(rtrim(cast(cast({{ number }} as decimal(38, {{ scale }})) as varchar), '0'), '.')
    {%- endif -%}
{%- endmacro %}


{#- A truth value as Salesforce fields compare it. -#}
{% macro canonical_boolean(condition) -%}
    case when {{ condition }} then 'true' else 'false' end
{%- endmacro %}


{#- A JSON object as text. Args: pairs of field name and column, nulls kept. -#}
{% macro json_object_text(pairs) -%}
    cast(json_object({% for field, column in pairs %}'{{ field }}', {{ column }}
        {{- ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
