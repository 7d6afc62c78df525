{#- A number as Salesforce fields compare it: no exponent, no trailing zero. -#}
{% macro canonical_number(number, scale=0) -%}
    {%- if scale == 0 -%}
        cast(cast({{ number }} as bigint) as varchar)
    {%- else -%}
        rtrim(rtrim(cast(cast({{ number }} as decimal(38, {{ scale }})) as varchar), '0'), '.')
    {%- endif -%}
{%- endmacro %}


{#- A truth value as Salesforce fields compare it. -#}
{% macro canonical_boolean(condition) -%}
    case when {{ condition }} then 'true' else 'false' end
{%- endmacro %}


{#- A JSON object as text. Args: pairs of field name and column, nulls kept. -#}
{% macro json_object_text(pairs) -%}
    cast(json_object({% for field, column in pairs %}'{{ field }}', {{ column }}
        {{- ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}


{#-
The resource of an API call without version, ids and keys: a key may be somebody's address.

What isn't known is `other`, so that no path reaches a mart by accident.
-#}
{% macro salesforce_resource(path) -%}
    {%- set inner = "regexp_replace(" ~ path ~ ", '^/?services/data/v[0-9.]+/', '')" -%}
    case
        when {{ path }} is null then 'not told'
        when regexp_matches({{ inner }}, '^sobjects/[A-Za-z0-9_]+/describe') then 'sobjects/describe'
        when regexp_matches({{ inner }}, '^sobjects/[A-Za-z0-9_]+/.+') then 'sobjects/record'
        when regexp_matches({{ inner }}, '^sobjects(/[A-Za-z0-9_]*)?$') then 'sobjects'
        when regexp_matches({{ inner }}, '^composite') then 'composite'
        when regexp_matches({{ inner }}, '^jobs/(query|ingest)(/[A-Za-z0-9]+)?(/[A-Za-z]+)?/?$')
            then
                regexp_extract({{ inner }}, '^jobs/(query|ingest)')
                || case
                    when regexp_matches({{ inner }}, '^jobs/[a-z]+/[A-Za-z0-9]+') then '/job'
                    else ''
                end
                || regexp_extract({{ inner }}, '^jobs/[a-z]+/[A-Za-z0-9]+(/[A-Za-z]+)/?$', 1)
        when regexp_matches({{ inner }}, '^query(All)?/.+') then 'query/page'
        when regexp_matches({{ inner }}, '^[A-Za-z]{1,40}$') then {{ inner }}
        else 'other'
    end
{%- endmacro %}


{#-
What an hour's calls would be by the hours around it: the lesser of the means of the hours one and
two away. The day's first and last hours go by the side that there is.

Args: the column; what the window is partitioned by. Ordered by hour_of_day, one row an hour.
-#}
{% macro usual_of_hour(calls, partition) -%}
    least(
    {% for away in [1, 2] %}
    coalesce(
        (
            lag({{ calls }}, {{ away }}) over (
                partition by {{ partition | join(", ") }} order by hour_of_day
            )
            + lead({{ calls }}, {{ away }}) over (
                partition by {{ partition | join(", ") }} order by hour_of_day
            )
        ) / 2.0,
        lag({{ calls }}, {{ away }}) over (
            partition by {{ partition | join(", ") }} order by hour_of_day
        ),
        lead({{ calls }}, {{ away }}) over (
            partition by {{ partition | join(", ") }} order by hour_of_day
        )
    ){{ ',' if not loop.last }}
    {% endfor %}
    )
{%- endmacro %}
