{% set models = data_driven_models() %}

-- What the fits give each touch of a conversion whose credits this build computes: its channel's
-- share, by the number of its touches.
-- Whole numbers, of which only the relations inside one path matter; a share is of 1e9, so three
-- digits more keep what the division leaves.
with

touches as (

    select * from {{ ref('int_journey_touches_labelled') }}
    where conversion_id is not null

),

shares as (

    select * from {{ ref('int_data_driven_shares') }}

),

final as (

    select
        touches.conversion_id,
        touches.conversion_number,
        touches.touchpoint_id,
        touches.path_position,
    {% for model in models %}
    1000 * {{ model }}_shares.share_units // touches.label_touch_count
        as {{ model }}_raw_weight{{ ',' if not loop.last }}
    {% endfor %}
    from touches
    inner join {{ ref('int_windows_refreshed') }} as windows
        on touches.conversion_number = windows.conversion_number
    inner join {{ ref('int_conversion_fits_chosen') }} as fits
        on touches.conversion_id = fits.conversion_id
    {% for model in models %}
    left join shares as {{ model }}_shares
        on
            {{ model }}_shares.attribution_model = '{{ model }}'
            and fits.{{ model }}_fit_id = {{ model }}_shares.model_fit_id
            and fits.channel_set = {{ model }}_shares.channel_set
            and touches.channel_label = {{ model }}_shares.channel
    {% endfor %}
    where not windows.is_frozen

)

select * from final
