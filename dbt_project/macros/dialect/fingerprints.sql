{#-
One 64-bit number for the values of some expressions; where it is the same, so are the values.

It is stable within one version of the engine, which is part of the code's hash.
-#}
{% macro fingerprint_of(expressions) -%}
    hash({{ expressions | join(', ') }})
{%- endmacro %}


{#- One number for a set of rows, whatever their order; each row counts once. -#}
{% macro fingerprint_of_rows(fingerprint) -%}
    bit_xor({{ fingerprint }})
{%- endmacro %}
