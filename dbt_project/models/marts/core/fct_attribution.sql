{{ config(materialized='incremental') }}

{% set models = attribution_models() %}

with

conversions as (

    select * from {{ ref('int_conversions_unioned') }}
    where person_id in (select dirty.person_id from {{ ref('int_persons_dirty') }} as dirty)

),

attributed as (

    select
        credits.conversion_id,
        credits.touchpoint_id,
        credits.touched_at,
        credits.channel,
        credits.campaign_id,
        cast(null as varchar) as unattributed_reason,
        credits.path_position,
        credits.path_length,
        {% for model in data_driven_models() %}
        fits.{{ model }}_fit_id,
        {% endfor %}
    {% for model in models %}
    {{ weight_from_units('credits.' ~ model ~ '_units') }} as {{ model }}_weight,
    credits.{{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_computed') }} as credits
    {% if data_driven_models() %}
    inner join {{ ref('int_conversion_fits_chosen') }} as fits
        on credits.conversion_id = fits.conversion_id
    {% endif %}

),

unattributed as (

    select
        unattributed_conversions.conversion_id,
        cast(null as varchar) as touchpoint_id,
        cast(null as timestamp) as touched_at,
        'unattributed' as channel,
        cast(null as varchar) as campaign_id,
        unattributed_conversions.unattributed_reason,
        cast(null as integer) as path_position,
        cast(0 as integer) as path_length,
        {% for model in data_driven_models() %}
        cast(null as varchar) as {{ model }}_fit_id,
        {% endfor %}
    {% for model in models %}
    cast(1 as decimal(18, 12)) as {{ model }}_weight,
    conversions.revenue_cents as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_conversions_unattributed') }} as unattributed_conversions
    inner join conversions
        on unattributed_conversions.conversion_id = conversions.conversion_id

),

credits as (

    select * from attributed
    union all
    select * from unattributed

),

final as (

    select
        credits.conversion_id,
        credits.touchpoint_id,
        conversions.person_id,
        conversions.converted_at,
        conversions.conversion_type,
        conversions.product_line,
        conversions.currency,
        credits.touched_at,
        credits.channel,
        credits.campaign_id,
        credits.unattributed_reason,
        credits.path_position,
        credits.path_length,
        {% for model in data_driven_models() %}
        credits.{{ model }}_fit_id,
        {% endfor %}
    {% for model in models %}
    credits.{{ model }}_weight,
    credits.{{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    inner join conversions on credits.conversion_id = conversions.conversion_id

)

select * from final
