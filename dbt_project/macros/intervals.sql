{#-
Wilson's score interval of a share at 95 %, one edge of it; null without trials.

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
Journal of the American Statistical Association 22 (1927), 209-212. One row's own numbers only, so
that no sum of floats depends on the order of rows.

Args: successes, trials: columns of whole numbers; edge: `lower` or `upper`.
-#}
{% macro wilson_edge(successes, trials, edge) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set part = '(cast(' ~ successes ~ ' as double) / nullif(' ~ trials ~ ', 0))' -%}
    {%- set count = 'cast(' ~ trials ~ ' as double)' -%}
    {%- set reach -%}
        {{ z }} * sqrt({{ part }} * (1 - {{ part }}) / {{ count }}
        + {{ z * z }} / (4 * {{ count }} * {{ count }}))
    {%- endset -%}
    cast(
        round(
            {% if edge == 'lower' -%}
                greatest(0, ({{ part }} + {{ z * z }} / (2 * {{ count }}) - {{ reach }})
            {%- elif edge == 'upper' -%}
                least(1, ({{ part }} + {{ z * z }} / (2 * {{ count }}) + {{ reach }})
            {%- else -%}
                {{ exceptions.raise_compiler_error("No edge " ~ edge ~ " of an interval") }}
            {%- endif %}
            / (1 + {{ z * z }} / {{ count }})),
            6
        ) as decimal(9, 6)
    )
{%- endmacro %}


{#- A share to six digits; null without trials. -#}
{% macro share_of(successes, trials) -%}
    cast(
        round(cast({{ successes }} as double) / nullif({{ trials }}, 0), 6) as decimal(9, 6)
    )
{%- endmacro %}


{#-
The interval of the difference of two shares at 95 %, one edge of it, from their own intervals.

Source: R. G. Newcombe, Interval estimation for the difference between independent proportions,
Statistics in Medicine 17 (1998), 873-890, method 10.

Args: more, less: names of the shares, each with columns `<name>`, `<name>_lower`, `<name>_upper`;
edge: `lower` or `upper`.
-#}
{% macro difference_edge(more, less, edge) -%}
    {%- set first, second = ('lower', 'upper') if edge == 'lower' else ('upper', 'lower') -%}
    cast(
        round(
            cast({{ more }} - {{ less }} as double) {{ '-' if edge == 'lower' else '+' }} sqrt(
                power(cast({{ more }} - {{ more }}_{{ first }} as double), 2)
                + power(cast({{ less }}_{{ second }} - {{ less }} as double), 2)
            ),
            6
        ) as decimal(9, 6)
    )
{%- endmacro %}


{#- Whole seconds as days with two digits. -#}
{% macro days_from_seconds(seconds) -%}
    cast(round({{ seconds }} / 86400.0, 2) as decimal(9, 2))
{%- endmacro %}
