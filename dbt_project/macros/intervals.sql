{#-
Wilson's score interval of a share, one edge of it; null without trials.

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
Journal of the American Statistical Association 22 (1927), 209-212. One row's own numbers only, so
that no sum of floats depends on the order of rows.

Args: successes, trials: columns of whole numbers; edge: `lower` or `upper`; z: normal quantile of
the level, 95 % unless told.
-#}
{% macro wilson_edge(successes, trials, edge, z='1.959963984540054') -%}
    {%- set part = '(cast(' ~ successes ~ ' as double) / nullif(' ~ trials ~ ', 0))' -%}
    {%- set count = 'cast(' ~ trials ~ ' as double)' -%}
    {%- set square = '(cast(' ~ z ~ ' as double) * cast(' ~ z ~ ' as double))' -%}
    {%- set centre = part ~ ' + ' ~ square ~ ' / (2 * ' ~ count ~ ')' -%}
    {%- set reach -%}
        cast({{ z }} as double) * sqrt(
            {{ part }} * (1 - {{ part }}) / {{ count }} + {{ square }} / (4 * {{ count }} * {{ count }})
        )
    {%- endset -%}
    cast(
        round(
            {% if edge == 'lower' -%}
                greatest(0, ({{ centre }} - {{ reach }}) / (1 + {{ square }} / {{ count }}))
            {%- elif edge == 'upper' -%}
                least(1, ({{ centre }} + {{ reach }}) / (1 + {{ square }} / {{ count }}))
            {%- else -%}
                {{ exceptions.raise_compiler_error("No edge " ~ edge ~ " of an interval") }}
            {%- endif %},
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
The interval of the difference of two shares, one edge of it, from their own intervals.

Source: R. G. Newcombe, Interval estimation for the difference between independent proportions,
Statistics in Medicine 17 (1998), 873-890, method 10.

Args: more, less: successes and trials of each share; edge: `lower` or `upper`; z: as above.
-#}
{% macro difference_edge(more, less, edge, z='1.959963984540054') -%}
    {%- set near, far = ('lower', 'upper') if edge == 'lower' else ('upper', 'lower') -%}
    {%- set more_share, less_share = share_of(more[0], more[1]), share_of(less[0], less[1]) -%}
    cast(
        round(
            cast({{ more_share }} - {{ less_share }} as double)
            {{ '-' if edge == 'lower' else '+' }} sqrt(
                power(
                    cast({{ more_share }} - {{ wilson_edge(more[0], more[1], near, z) }} as double), 2
                )
                + power(
                    cast({{ wilson_edge(less[0], less[1], far, z) }} - {{ less_share }} as double), 2
                )
            ),
            6
        ) as decimal(9, 6)
    )
{%- endmacro %}


{#- Whole seconds as days with two digits. -#}
{% macro days_from_seconds(seconds) -%}
    cast(round({{ seconds }} / 86400.0, 2) as decimal(9, 2))
{%- endmacro %}
