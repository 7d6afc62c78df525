{#- The newest version of a record first: by key, latest extraction. -#}
{% macro newest_first(key, version=none) -%}
    row_number() over (
        partition by {{ key | join(", ") }}
        order by _window_end desc, {% if version %}{{ version }} desc nulls last, {% endif -%}
            _landed_at desc, _file desc, _row desc
    )
{%- endmacro %}


{#-
Keep the newest version of every record of a source that is read again.

Args: the key columns, and what orders versions inside one extraction (newest last).
-#}
{% macro current_by_key(key, version=none) -%}
    qualify {{ newest_first(key, version) }} = 1
{%- endmacro %}


{#- Keep the first copy of every record of a source that never changes what it sent once. -#}
{% macro first_by_key(key) -%}
    qualify row_number() over (
        partition by {{ key | join(", ") }}
        order by _window_start, _landed_at, _file, _row
    ) = 1
{%- endmacro %}
