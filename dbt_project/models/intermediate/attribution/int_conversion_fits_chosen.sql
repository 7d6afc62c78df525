{% set models = data_driven_models() %}

-- Which fit of each data-driven model credits a conversion, and among which channels: the fit whose
-- dates hold the conversion's own.
with

journeys as (

    select
        conversion_id,
        channel_set,
        {{ business_date('ended_at') }} as converted_date
    from {{ ref('int_journeys_listed') }}
    where is_converted

),

fits as (

    select * from {{ ref('int_model_fits_applied') }}

),

final as (

    select
        journeys.conversion_id,
        journeys.channel_set,
    {% for model in models %}
    {{ model }}_fits.model_fit_id as {{ model }}_fit_id{{ ',' if not loop.last }}
    {% endfor %}
    from journeys
    {% for model in models %}
    left join fits as {{ model }}_fits
        on
            {{ model }}_fits.attribution_model = '{{ model }}'
            and journeys.converted_date >= {{ model }}_fits.applies_from_date
            and journeys.converted_date < {{ model }}_fits.applies_before_date
    {% endfor %}

)

select * from final
