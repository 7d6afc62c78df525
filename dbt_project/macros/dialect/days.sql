{#- Whole calendar days from one date or timestamp to a later one; negative if it is earlier. -#}
{% macro days_between(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}
