{#- The attribution models whose weights follow from a rule, in the order of their columns. -#}
{% macro rule_models() -%}
    {{ return([
        'first_touch', 'last_touch', 'last_non_direct', 'linear', 'time_decay', 'position_based',
        'w_shaped'
    ]) }}
{%- endmacro %}


{#- Those whose weights a fit has learnt from the journeys; benchmarks leave them out. -#}
{% macro data_driven_models() -%}
    {{ return((var('data_driven_models', 'markov shapley') | string).split()) }}
{%- endmacro %}


{#-
All attribution models, in the order of their columns.

To add one, name it above and give its raw weight in `raw_weight`.
-#}
{% macro attribution_models() -%}
    {{ return(rule_models() + data_driven_models()) }}
{%- endmacro %}


{#- The models that give all to one touch of the path: whether it is this one is their raw weight. -#}
{% macro single_touch_models() -%}
    {{ return(['first_touch', 'last_touch', 'last_non_direct']) }}
{%- endmacro %}


{#-
The share of one touch in its path before normalising: a whole number, at most 10^12.

Only relations inside one path matter. Reads the columns of int_paths_built and, for data-driven
models, those of int_data_driven_weights_dealt.
-#}
{% macro raw_weight(model) -%}
    {%- if model == 'first_touch' -%}
        {#- All to the first touch. -#}
        path_position = 1
    {%- elif model == 'last_touch' -%}
        {#- All to the last touch. -#}
        path_position = path_length
    {%- elif model == 'last_non_direct' -%}
        {#- All to the last touch that isn't direct; to the last where all are direct. -#}
        is_last_non_direct
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
    {%- elif model in data_driven_models() -%}
        {#- What the fit gives the touch's channel, by the number of its touches. -#}
        {{ model }}_raw_weight
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


{#-
The columns of one model in the steps of int_credits_computed: the touch's share of its path; the
running sum of shares and their total; the weight up to the touch and before it, in whole units;
weight and cents. A model that gives all to one touch needs to know only which one.
-#}
{% macro share_columns(model) -%}
    {%- if model in single_touch_models() -%}
        {{ raw_weight(model) }} as is_{{ model }}
    {%- else -%}
        cast({{ raw_weight(model) }} as hugeint) * touch_weight_units as {{ model }}_share
    {%- endif -%}
{%- endmacro %}


{% macro running_columns(model) -%}
    {%- if model in single_touch_models() -%}
        is_{{ model }}
    {%- else -%}
        {{ model }}_share,
        sum({{ model }}_share) over path_so_far as {{ model }}_running,
        sum({{ model }}_share) over whole_path as {{ model }}_total
    {%- endif -%}
{%- endmacro %}


{% macro unit_columns(model) -%}
    {%- if model in single_touch_models() -%}
        is_{{ model }}
    {%- else -%}
        {%- set before = '(' ~ model ~ '_running - ' ~ model ~ '_share)' -%}
        {{ rounded_share('1000000000000', model ~ '_running', model ~ '_total') }}
            as {{ model }}_units_running,
        {{ rounded_share('1000000000000', before, model ~ '_total') }} as {{ model }}_units_before
    {%- endif -%}
{%- endmacro %}


{#- The same steps for frozen units: they are dealt already, so only their sums are missing. -#}
{% macro frozen_unit_columns(model) -%}
    {%- if model in single_touch_models() -%}
        {{ model }}_units > 0 as is_{{ model }}
    {%- else -%}
        sum({{ model }}_units) over path_so_far as {{ model }}_units_running,
        sum({{ model }}_units) over path_so_far - {{ model }}_units as {{ model }}_units_before
    {%- endif -%}
{%- endmacro %}


{% macro credit_columns(model) -%}
    {%- if model in single_touch_models() -%}
        case when units.is_{{ model }} then 1000000000000 else 0 end as {{ model }}_units,
        case when units.is_{{ model }} then conversions.revenue_cents else 0 end
            as {{ model }}_revenue_cents,
        case when units.is_{{ model }} then conversions.pending_fee_cents else 0 end
            as {{ model }}_pending_fee_cents
    {%- else -%}
        {%- set before = 'units.' ~ model ~ '_units_before' -%}
        {%- set running = 'units.' ~ model ~ '_units_running' -%}
        cast({{ running }} - {{ before }} as bigint) as {{ model }}_units,
        {{ exact_part_between('conversions.revenue_cents', before, running, '1000000000000') }}
            as {{ model }}_revenue_cents,
        {{ exact_part_between('conversions.pending_fee_cents', before, running, '1000000000000') }}
            as {{ model }}_pending_fee_cents
    {%- endif -%}
{%- endmacro %}
