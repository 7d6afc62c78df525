{#-
The one form of a name by which two records are compared: letters and digits of any script, lower
case, without accents, blanks, hyphens and apostrophes; a name without any is null.
-#}
{% macro normalised_name(text) -%}
    nullif(regexp_replace(lower(strip_accents({{ text }})), '[^\p{L}\p{N}]', '', 'g'), '')
{%- endmacro %}


{#-
The one form of a postcode by which two records are compared: capital letters and digits; of a
ZIP+4 the first five.
-#}
{% macro normalised_postcode(text) -%}
    nullif(
        regexp_replace(
            regexp_replace(upper({{ text }}), '[^A-Z0-9]', '', 'g'), '^([0-9]{5})[0-9]{4}$', '\1'
        ),
        ''
    )
{%- endmacro %}


{#- The key of the exact match by name, birth date and postcode; null if any of them is missing. -#}
{% macro name_birth_postcode_key(first_name, last_name, birth_date, postal_code) -%}
    {{ normalised_name(first_name) }}
    || '|' || {{ normalised_name(last_name) }}
    || '|' || cast({{ birth_date }} as varchar)
    || '|' || {{ normalised_postcode(postal_code) }}
{%- endmacro %}
