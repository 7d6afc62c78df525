{#- The date that people in the business time zone saw when a UTC timestamp happened. -#}
{% macro business_date(utc) -%}
    cast(timezone('{{ var("business_timezone") }}', timezone('UTC', {{ utc }})) as date)
{%- endmacro %}


{#- The first day of the business month of a UTC timestamp. -#}
{% macro business_month(utc) -%}
    cast(date_trunc('month', {{ business_date(utc) }}) as date)
{%- endmacro %}


{#- The UTC timestamp at which a date begins in the business time zone. -#}
{% macro business_day_start(day) -%}
    timezone('UTC', timezone('{{ var("business_timezone") }}', cast({{ day }} as timestamp)))
{%- endmacro %}


{#- A timestamp moved by a whole number (or an expression) of seconds, minutes, hours or days. -#}
{% macro shifted(moment, number, unit) -%}
    {{ moment }} + to_{{ unit }}({{ number }})
{%- endmacro %}


{#- Whole seconds from one timestamp to a later one. -#}
{% macro seconds_between(earlier, later) -%}
    date_diff('second', {{ earlier }}, {{ later }})
{%- endmacro %}


{#-
The UTC timestamp at which a wall clock in a time zone (an IANA name) showed a time; null if the
name is unknown.

A time that the clock showed twice (the hour after DST ends) is its second showing, in standard
time; a time that it skipped (the hour in which DST begins) is as much after the skip as it says.
The zone tables are DuckDB's own; those of an operating system may be older and say otherwise.
-#}
{% macro utc_of_wall_clock(local_time, time_zone) -%}
    timezone(
        'UTC',
        timezone(
            case
                when {{ time_zone }} in (select zones.name from pg_timezone_names() as zones)
                    then {{ time_zone }}
            end,
            {{ local_time }}
        )
    )
{%- endmacro %}
