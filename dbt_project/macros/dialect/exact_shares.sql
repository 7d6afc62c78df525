{#-
The whole-number part of `amount` that falls to a row when it is dealt out by running shares.

Up to a row the parts sum to amount * running / total, rounded half away from zero; so all parts
sum to the amount exactly, whatever its sign, and no part differs from its share by one or more.
All arguments are whole numbers; `running` is the sum of shares up to and with the row, `share` its
own, `total` the sum of all (> 0).
-#}
{% macro exact_part(amount, running, share, total) -%}
    {{ exact_part_between(amount, '(' ~ running ~ ' - ' ~ share ~ ')', running, total) }}
{%- endmacro %}


{#- The same, where the sum of shares before the row is there already. Of nothing, nothing. -#}
{% macro exact_part_between(amount, before, running, total) -%}
    case
        when {{ amount }} = 0 or {{ before }} = {{ running }} then cast(0 as bigint)
        else
            cast(
                sign({{ amount }}) * (
                    {{ rounded_share(amount, running, total) }}
                    - {{ rounded_share(amount, before, total) }}
                ) as bigint
            )
    end
{%- endmacro %}


{#-
|amount| * running / total, rounded half up; 0 <= running <= total.

Three ways to the same number: 128-bit division is ten times as slow as 64-bit, so it is left to
what needs it. Small products are divided at once, larger ones in two steps of six digits, as by
hand. A case evaluates a branch only for its own rows, so that no product overflows.
-#}
{% macro rounded_share(amount, running, total) -%}
    case
        when cast(abs({{ amount }}) as double) * cast({{ total }} as double) <= 4e18
            then
                (
                    2 * cast(abs({{ amount }}) as bigint) * cast({{ running }} as bigint)
                    + cast({{ total }} as bigint)
                )
                // (2 * cast({{ total }} as bigint))
        when abs({{ amount }}) <= 4000000000000 and {{ total }} <= 2000000000000
            then
                {{ whole_quotient(first_product(amount, running), total) }} * 1000000
                + (
                    2 * (
                        1000000
                        * ({{ first_product(amount, running) }} % cast({{ total }} as bigint))
                        + (cast(abs({{ amount }}) as bigint) % 1000000)
                        * cast({{ running }} as bigint)
                    )
                    + cast({{ total }} as bigint)
                )
                // (2 * cast({{ total }} as bigint))
        else
            (
                2 * cast(abs({{ amount }}) as hugeint) * ({{ running }}) + {{ total }}
            )
            // (2 * cast({{ total }} as hugeint))
    end
{%- endmacro %}


{#- The higher digits of the amount, all but six, times the running sum. -#}
{% macro first_product(amount, running) -%}
    ((cast(abs({{ amount }}) as bigint) // 1000000) * cast({{ running }} as bigint))
{%- endmacro %}


{% macro whole_quotient(dividend, divisor) -%}
    ({{ dividend }} // cast({{ divisor }} as bigint))
{%- endmacro %}


{#- Units of 1e-12 as an exact weight. -#}
{% macro weight_from_units(units) -%}
    cast(
        cast({{ units }} as decimal(13, 0)) * cast(0.000000000001 as decimal(13, 12))
        as decimal(18, 12)
    )
{%- endmacro %}
