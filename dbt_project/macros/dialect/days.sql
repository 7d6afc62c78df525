{#- Whole calendar days from one date or timestamp to a later one; negative if it is earlier. -#}
{% macro days_between(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}


{#- Whole months from one first day of a month to a later one; negative if it is earlier. -#}
{% macro months_between(earlier, later) -%}
    date_diff('month', {{ earlier }}, {{ later }})
{%- endmacro %}


{#- The first day of the month so many months after one. -#}
{% macro months_later(month, number) -%}
    cast({{ month }} + to_months(cast({{ number }} as integer)) as date)
{%- endmacro %}


{#- The number of days of a month, by any of its days. -#}
{% macro days_in_month(day) -%}
    extract(day from last_day({{ day }}))
{%- endmacro %}


{#- One row for every whole number from 0 to a last one, at least for 0; a column of a select. -#}
{% macro numbers_to(last) -%}
    unnest(range(0, greatest({{ last }}, 0) + 1))
{%- endmacro %}


{#- The Monday of a date's week. -#}
{% macro week_start(day) -%}
    cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}
