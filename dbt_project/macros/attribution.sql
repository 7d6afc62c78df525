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


{#- The models that give all to one step of the path: whether it is this one is their raw weight. -#}
{% macro single_step_models() -%}
    {{ return(['first_touch', 'last_touch', 'last_non_direct']) }}
{%- endmacro %}


{#-
The order of a path. Touches of one step are neighbours at one moment, each before those that have
more of the step's weight before them; a touch that is a step by itself has no step's id.
-#}
{% macro path_order(step_weight_before='step_weight_before_units') -%}
    touched_at, step_id nulls first, {{ step_weight_before }}, touchpoint_id
{%- endmacro %}


{#-
The share of one step in its path before normalising: a whole number, at most 10^12.

A step is a touch, or a visit with the touches inferred from it; each of its touches has what the
step has, times its own weight. Data-driven models know channels and no steps: theirs is the
touch's. Only relations inside one path matter. Reads the columns of int_paths_built and, for
data-driven models, those of int_data_driven_weights_dealt.
-#}
{% macro raw_weight(model) -%}
    {%- if model == 'first_touch' -%}
        {#- All to the first step. -#}
        step_position = 1
    {%- elif model == 'last_touch' -%}
        {#- All to the last step. -#}
        step_position = step_length
    {%- elif model == 'last_non_direct' -%}
        {#- All to the last step that has a touch that isn't direct, without what is direct in it;
            to the last step where all are direct. -#}
        is_last_non_direct
    {%- elif model == 'linear' -%}
        {#- The same to every step. -#}
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
        {#- The seed's weights to first and last step; the middle ones share the middle's. -#}
        case
            when step_length = 1 then 1
            when step_length = 2 and step_position = 1 then first_weight
            when step_length = 2 then last_weight
            when step_position = 1 then first_weight * (step_length - 2)
            when step_position = step_length then last_weight * (step_length - 2)
            else middle_weight
        end
    {%- elif model == 'w_shaped' -%}
        {#- The seed's weights to three steps: the first, the one that made the lead and the last;
            the others share the middle's weight. A step that is several of the three gets the
            weights of all of them. Where the path has no lead step or no other step, the weights
            of what it has are the whole. -#}
        (
            case when step_position = 1 then w_first_weight else 0 end
            + case when step_position = lead_step_position then w_lead_weight else 0 end
            + case when step_position = step_length then w_last_weight else 0 end
        ) * greatest(1, step_length - {{ w_step_count() }})
        + case
            when step_position in (1, step_length) or step_position = lead_step_position then 0
            else w_middle_weight
        end
    {%- elif model in data_driven_models() -%}
        {#- What the fit gives the touch's channel, by the number of its touches. -#}
        {{ model }}_raw_weight
    {%- else -%}
        {{ exceptions.raise_compiler_error("No raw weight for attribution model " ~ model) }}
    {%- endif -%}
{%- endmacro %}


{#- How many steps of a path have a weight of their own in w_shaped. -#}
{% macro w_step_count() -%}
    (
        case when step_length = 1 then 1 else 2 end
        + case when lead_step_position > 1 and lead_step_position < step_length then 1 else 0 end
    )
{%- endmacro %}


{#-
The columns of one model in the CTEs of int_credits_computed: the touch's share of its path; the sum
of shares up to it and their total; the weight up to the touch and before it, in whole units; weight
and cents. A model that gives all to one step needs no running sum: what lies before a touch is what
its step has before it.
-#}
{% macro share_columns(model) -%}
    {%- if model in single_step_models() -%}
        case when {{ raw_weight(model) }} then touch_weight_units else 0 end as {{ model }}_share
    {%- else -%}
        cast({{ raw_weight(model) }} as hugeint) * touch_weight_units as {{ model }}_share
    {%- endif -%}
{%- endmacro %}


{% macro running_columns(model) -%}
    {{ model }}_share,
    {%- if model not in single_step_models() %}
    sum({{ model }}_share) over path_so_far as {{ model }}_running,
    {%- endif %}
    sum({{ model }}_share) over whole_path as {{ model }}_total
{%- endmacro %}


{% macro unit_columns(model) -%}
    {%- if model in single_step_models() -%}
        {#- Most steps are one touch, which gets all. -#}
        {%- set before = 'step_weight_before_units' -%}
        {%- set running = '(' ~ before ~ ' + ' ~ model ~ '_share)' -%}
        case
            when {{ model }}_share = 0 then 0
            when {{ model }}_share = {{ model }}_total then 1000000000000
            else {{ rounded_share('1000000000000', running, model ~ '_total') }}
        end as {{ model }}_units_running,
        case
            when {{ model }}_share = 0 or {{ before }} = 0 then 0
            else {{ rounded_share('1000000000000', before, model ~ '_total') }}
        end as {{ model }}_units_before
    {%- else -%}
        {%- set before = '(' ~ model ~ '_running - ' ~ model ~ '_share)' -%}
        {{ rounded_share('1000000000000', model ~ '_running', model ~ '_total') }}
            as {{ model }}_units_running,
        {{ rounded_share('1000000000000', before, model ~ '_total') }} as {{ model }}_units_before
    {%- endif -%}
{%- endmacro %}


{#- The same steps for frozen units: they are dealt already, so only their sums are missing. -#}
{% macro frozen_unit_columns(model) -%}
    sum({{ model }}_units) over path_so_far as {{ model }}_units_running,
    sum({{ model }}_units) over path_so_far - {{ model }}_units as {{ model }}_units_before
{%- endmacro %}


{% macro credit_columns(model) -%}
    {%- set before = 'units.' ~ model ~ '_units_before' -%}
    {%- set running = 'units.' ~ model ~ '_units_running' -%}
    cast({{ running }} - {{ before }} as bigint) as {{ model }}_units,
    {{ exact_part_between('conversions.revenue_cents', before, running, '1000000000000') }}
        as {{ model }}_revenue_cents,
    {{ exact_part_between('conversions.pending_fee_cents', before, running, '1000000000000') }}
        as {{ model }}_pending_fee_cents
{%- endmacro %}
