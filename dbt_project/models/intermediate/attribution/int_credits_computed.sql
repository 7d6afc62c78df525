{{ config(materialized='incremental') }}

{% set models = attribution_models() %}

-- Every model's share of every conversion for every touch of its path, exact in units of 1e-12
-- and in cents. All models need one pass: running sums over the path, in its order.
with

paths as (

    select
        paths.*{% if data_driven_models() %},{% endif %}
    {% for model in data_driven_models() %}
    learnt.{{ model }}_raw_weight{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_paths_refreshed') }} as paths
    {% if data_driven_models() %}
    left join {{ ref('int_data_driven_weights_dealt') }} as learnt
        on
            paths.conversion_number = learnt.conversion_number
            and paths.path_position = learnt.path_position
    {% endif %}

),

shares as (

    select
        conversion_number,
        touchpoint_id,
        touched_at,
        channel,
        campaign_id,
        path_position,
        path_length,
        step_weight_before_units,
    {% for model in models %}
    {{ share_columns(model) }}{{ ',' if not loop.last }}
    {% endfor %}
    from paths

),

running_shares as (

    select
        conversion_number,
        touchpoint_id,
        touched_at,
        channel,
        campaign_id,
        path_position,
        path_length,
        step_weight_before_units,
    {% for model in models %}
    {{ running_columns(model) }}{{ ',' if not loop.last }}
    {% endfor %}
    from shares
    window
        path_so_far as (
            partition by conversion_number
            order by path_position
            rows between unbounded preceding and current row
        ),
        whole_path as (partition by conversion_number)

),

-- Weights up to a touch, and before it, in whole units: what one touch has is the difference.
running_units as (

    select
        conversion_number,
        touchpoint_id,
        touched_at,
        channel,
        campaign_id,
        path_position,
        path_length,
    {% for model in models %}
    {{ unit_columns(model) }}{{ ',' if not loop.last }}
    {% endfor %}
    from running_shares

),

-- Of a closed month touches and weights stay; only the cents are dealt anew.
frozen_units as (

    select
        conversion_number,
        touchpoint_id,
        touched_at,
        channel,
        campaign_id,
        path_position,
        path_length,
    {% for model in models %}
    {{ frozen_unit_columns(model) }}{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_frozen') }}
    where touchpoint_id is not null
    window
        path_so_far as (
            partition by conversion_number
            order by path_position
            rows between unbounded preceding and current row
        )

),

all_units as (

    select * from running_units
    union all
    select * from frozen_units

),

final as (

    select
        conversions.conversion_id,
        conversions.person_id,
        units.touchpoint_id,
        units.touched_at,
        units.channel,
        units.campaign_id,
        units.path_position,
        units.path_length,
    {% for model in models %}
    {{ credit_columns(model) }}{{ ',' if not loop.last }}
    {% endfor %}
    from all_units as units
    inner join {{ ref('int_windows_refreshed') }} as windows
        on units.conversion_number = windows.conversion_number
    inner join {{ ref('int_conversions_unioned') }} as conversions
        on windows.conversion_id = conversions.conversion_id

)

select * from final
