{#-
Convert raw text to a type; what doesn't convert becomes null, blank text is null.

The only place where raw text is converted: a failing cast would quote the value in its message.
-#}
{% macro try_cast(text, type) -%}
    try_cast(nullif(trim({{ text }}), '') as {{ type }})
{%- endmacro %}


{#- Raw text without surrounding blanks; blank is null. -#}
{% macro clean_text(text) -%}
    nullif(trim({{ text }}), '')
{%- endmacro %}


{#- The one form of an e-mail address by which two records are compared. -#}
{% macro normalised_email(text) -%}
    nullif(lower(trim({{ text }})), '')
{%- endmacro %}


{#- Unix seconds as text to a UTC timestamp. -#}
{% macro timestamp_from_unix(text) -%}
    make_timestamp({{ try_cast(text, 'bigint') }} * 1000000)
{%- endmacro %}


{#- Unix microseconds to a UTC timestamp. -#}
{% macro timestamp_from_micros(micros) -%}
    make_timestamp({{ micros }})
{%- endmacro %}
