{#-
The values of a group as a list in the order of another column; only those of which a condition
holds.
-#}
{% macro ordered_list(value, position, condition) -%}
    list({{ value }} order by {{ position }}) filter (where {{ condition }})
{%- endmacro %}


{#- The distinct values of a group as the text of a sorted JSON array. -#}
{% macro json_set(value) -%}
    cast(to_json(list_sort(list_distinct(list({{ value }})))) as varchar)
{%- endmacro %}


{#- The number of a list's members. -#}
{% macro list_length(values) -%}
    len({{ values }})
{%- endmacro %}


{#- Whether a text of values between bars (`click|visit`) has a value. -#}
{% macro is_listed(bar_text, value) -%}
    ('|' || coalesce({{ bar_text }}, '') || '|') like ('%|' || {{ value }} || '|%')
{%- endmacro %}
