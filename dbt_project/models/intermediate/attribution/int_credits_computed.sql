{% set models = attribution_models() %}

-- Every model's share of every conversion for every touch of its path, exact in units of 1e-12
-- and in cents. All models need one pass: running sums over the path, in its order.
with

paths as (

    select
        paths.*,
        conversions.revenue_cents,
        conversions.pending_fee_cents
    from {{ ref('int_paths_built') }} as paths
    inner join {{ ref('int_conversions_unioned') }} as conversions
        on paths.conversion_id = conversions.conversion_id

),

raw_shares as (

    select
        conversion_id,
        touchpoint_id,
        path_position,
        path_length,
        revenue_cents,
        pending_fee_cents,
    {% for model in models %}
    cast({{ raw_weight(model) }} as hugeint) * touch_weight_units
        as {{ model }}_share{{ ',' if not loop.last }}
    {% endfor %}
    from paths

),

running_shares as (

    select
        *,
    {% for model in models %}
    sum({{ model }}_share) over path_so_far as {{ model }}_running,
    sum({{ model }}_share) over whole_path as {{ model }}_total{{ ',' if not loop.last }}
    {% endfor %}
    from raw_shares
    window
        path_so_far as (
            partition by conversion_id
            order by path_position
            rows between unbounded preceding and current row
        ),
        whole_path as (partition by conversion_id)

),

weights as (

    select
        conversion_id,
        touchpoint_id,
        path_position,
        path_length,
        revenue_cents,
        pending_fee_cents,
    {% for model in models %}
    {{ rounded_share('1000000000000', model ~ '_running', model ~ '_total') }}
        as {{ model }}_units_running,
            {{ exact_part(
                '1000000000000', model ~ '_running', model ~ '_share', model ~ '_total'
            ) }} as {{ model }}_units{{ ',' if not loop.last }}
    {% endfor %}
    from running_shares

),

final as (

    select
        conversion_id,
        touchpoint_id,
        path_position,
        path_length,
    {% for model in models %}
    {{ model }}_units,
            {{ exact_part(
                'revenue_cents', model ~ '_units_running', model ~ '_units', '1000000000000'
            ) }} as {{ model }}_revenue_cents,
            {{ exact_part(
                'pending_fee_cents', model ~ '_units_running', model ~ '_units', '1000000000000'
            ) }} as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from weights

)

select * from final
