{#-
The attribution models that SQL computes, in the order of their columns.

To add one, name it here and give its raw weight in `raw_weight`.
-#}
{% macro attribution_models() -%}
    {{ return([
        'first_touch', 'last_touch', 'last_non_direct', 'linear', 'time_decay', 'position_based',
        'w_shaped'
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
    {%- elif model == 'w_shaped' -%}
        {#- The seed's weights to three steps: the first touch, the one that made the lead and the
            last; the others share the middle's weight. A touch that is several steps gets the
            weights of all of them. Where the path has no lead step or no other touch, the weights
            of what it has are the whole. -#}
        (
            case when path_position = 1 then w_first_weight else 0 end
            + case when path_position = lead_position then w_lead_weight else 0 end
            + case when path_position = path_length then w_last_weight else 0 end
        ) * greatest(1, path_length - {{ w_step_count() }})
        + case
            when path_position in (1, path_length) or path_position = lead_position then 0
            else w_middle_weight
        end
    {%- else -%}
        {{ exceptions.raise_compiler_error("No raw weight for attribution model " ~ model) }}
    {%- endif -%}
{%- endmacro %}


{#- How many touches of a path are steps of w_shaped. -#}
{% macro w_step_count() -%}
    (
        case when path_length = 1 then 1 else 2 end
        + case when lead_position > 1 and lead_position < path_length then 1 else 0 end
    )
{%- endmacro %}
