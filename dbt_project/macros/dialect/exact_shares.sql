{#-
The whole-number part of `amount` that falls to a row when it is dealt out by running shares.

Up to a row the parts sum to amount * running / total, rounded half away from zero; so all parts
sum to the amount exactly, whatever its sign, and no part differs from its share by one or more.
All arguments are whole numbers; `running` is the sum of shares up to and with the row, `share` its
own, `total` the sum of all (> 0).
-#}
{% macro exact_part(amount, running, share, total) -%}
    cast(
        sign({{ amount }}) * (
            {{ rounded_share(amount, running, total) }}
            - {{ rounded_share(amount, running ~ ' - ' ~ share, total) }}
        ) as bigint
    )
{%- endmacro %}


{% macro rounded_share(amount, running, total) -%}
    (
        (2 * cast(abs({{ amount }}) as hugeint) * ({{ running }}) + {{ total }})
        // (2 * cast({{ total }} as hugeint))
    )
{%- endmacro %}


{#- Units of 1e-12 as an exact weight. -#}
{% macro weight_from_units(units) -%}
    cast(
        cast({{ units }} as decimal(13, 0)) * cast(0.000000000001 as decimal(13, 12))
        as decimal(18, 12)
    )
{%- endmacro %}
