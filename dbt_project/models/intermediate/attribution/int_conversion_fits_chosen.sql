{% set models = data_driven_models() %}

-- Which fit of each data-driven model credits a conversion, and among which channels: the fit whose
-- dates hold the conversion's own. In a closed month it stays the one that credited it.
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

chosen as (

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

),

frozen as (

    select
        conversion_id,
    {% for model in models %}
    min({{ model }}_fit_id) as {{ model }}_fit_id{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_frozen') }}
    where touchpoint_id is not null
    group by conversion_id

),

-- A frozen path has its fits also where its touches were withdrawn since.
final as (

    select
        chosen.channel_set,
        coalesce(frozen.conversion_id, chosen.conversion_id) as conversion_id,
    {% for model in models %}
    case
        when frozen.conversion_id is null then chosen.{{ model }}_fit_id
        else frozen.{{ model }}_fit_id
    end as {{ model }}_fit_id{{ ',' if not loop.last }}
    {% endfor %}
    from chosen
    full join frozen on chosen.conversion_id = frozen.conversion_id

)

select * from final
