-- Credits that the last published night shows for the conversions that this night restates.
with

published as (

    select * from {{ published_rows('fct_attribution', published_credit_columns()) }}
        as published_credits

),

final as (

    select
        published.conversion_id,
        published.touchpoint_id,
        published.person_id,
        published.currency,
        published.channel,
        {% for model in data_driven_models() %}
        published.{{ model }}_fit_id,
        {% endfor %}
    {% for model in attribution_models() %}
    {{ units_from_weight('published.' ~ model ~ '_weight') }} as {{ model }}_units,
    published.{{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from published
    inner join {{ ref('int_conversions_restated') }} as restated
        on published.conversion_id = restated.conversion_id

)

select * from final
