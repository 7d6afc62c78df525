{#-
One 64-bit number for the values of some expressions; where it is the same, so are the values.

It is stable within one version of the engine. The outer hash makes every bit depend on every value:
without it the last value would enter by exclusive or only, and two rows of a set could exchange
theirs unnoticed.
-#}
{% macro fingerprint_of(expressions) -%}
    hash(hash({{ expressions | join(', ') }}))
{%- endmacro %}


{#- The same for all columns of a relation's row, by the relation's name. -#}
{% macro fingerprint_of_row(relation) -%}
    {{ fingerprint_of([relation]) }}
{%- endmacro %}


{#- One number for a set of rows, whatever their order; each row counts once. -#}
{% macro fingerprint_of_rows(fingerprint) -%}
    bit_xor({{ fingerprint }})
{%- endmacro %}


{#- What else a fingerprint depends on: the project's code, and the engine that hashes. -#}
{% macro code_and_engine() -%}
    '{{ var("project_sha256") }}', version()
{%- endmacro %}


{#- All columns but some; columns of a select. -#}
{% macro all_columns_but(names) -%}
    * exclude ({{ names | join(', ') }})
{%- endmacro %}
