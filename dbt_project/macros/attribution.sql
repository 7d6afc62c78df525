{#-
The attribution models that SQL computes, in the order of their columns.

To add one, name it here and give its raw weight in `raw_weight`.
-#}
{% macro attribution_models() -%}
    {{ return([
        'first_touch', 'last_touch', 'last_non_direct', 'linear', 'time_decay', 'position_based'
    ]) }}
{%- endmacro %}


{#-
The share of one touch in its path before normalising: a whole number, at most 10^9.

Only relations inside one path matter. Reads the columns of int_paths_built.
-#}
{% macro raw_weight(model) -%}
    {%- if model == 'first_touch' -%}
        {#- All to the first touch. -#}
        case when path_position = 1 then 1 else 0 end
    {%- elif model == 'last_touch' -%}
        {#- All to the last touch. -#}
        case when path_position = path_length then 1 else 0 end
    {%- elif model == 'last_non_direct' -%}
        {#- All to the last touch that isn't direct; to the last where all are direct. -#}
        case when path_position = last_non_direct_position then 1 else 0 end
    {%- elif model == 'linear' -%}
        {#- The same to every touch. -#}
        1
    {%- elif model == 'time_decay' -%}
        {#- Half as much for each half-life before the path's last touch; never nothing. -#}
        greatest(
            1,
            cast(
                round(
                    1000000000
                    * power(0.5, seconds_before_last_touch / (half_life_days * 86400.0))
                ) as bigint
            )
        )
    {%- elif model == 'position_based' -%}
        {#- The seed's weights to first and last; the middle ones share the middle's weight. -#}
        case
            when path_length = 1 then 1
            when path_length = 2 and path_position = 1 then first_weight
            when path_length = 2 then last_weight
            when path_position = 1 then first_weight * (path_length - 2)
            when path_position = path_length then last_weight * (path_length - 2)
            else middle_weight
        end
    {%- else -%}
        {{ exceptions.raise_compiler_error("No raw weight for attribution model " ~ model) }}
    {%- endif -%}
{%- endmacro %}
