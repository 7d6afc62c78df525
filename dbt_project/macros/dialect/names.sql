{#-
The forms in which values of two records are compared. touchproof.skips.normalise has the same
rules for single values, and a test holds both against each other.
-#}


{#- A name: letters and digits of any script, lower case, without accents, blanks and signs. -#}
{% macro normalised_name(text) -%}
    nullif(
        regexp_replace(
            replace(replace(replace(replace(
                translate(strip_accents(lower({{ text }})), 'łøđðıħŧĸŋ', 'loddihtkn'),
                'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
            '[^\p{L}\p{N}]', '', 'g'
        ),
        ''
    )
{%- endmacro %}


{#- A phone number: + and its digits; ten digits alone are North American. -#}
{% macro normalised_phone(text) -%}
    {%- set digits = "regexp_replace(" ~ text ~ ", '[^0-9]', '', 'g')" -%}
    {%- set abroad = "regexp_replace(" ~ digits ~ ", '^00', '')" -%}
    case
        when length({{ digits }}) = 10 and ltrim({{ text }}) not like '+%' then '+1' || {{ digits }}
        when length({{ abroad }}) between 8 and 15 then '+' || {{ abroad }}
    end
{%- endmacro %}


{#-
The keyed hash of a normalised value, `<key id>:<64 hex digits>`.

The plugin touchproof.dbt_plugin brings the function and the banks' keys; SQL never sees them.
-#}
{% macro keyed_hash(key_id, kind, normalised) -%}
    {{ key_id }} || ':' || keyed_hash({{ key_id }}, '{{ kind }}', {{ normalised }})
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
