{% set models = attribution_models() %}

with

app_products as (

    select
        conversion_id,
        lag(product_line) over (partition by person_id order by product_number) as from_product
    from {{ ref('int_app_openings_ranked') }}

),

credits as (

    select
        app_products.from_product,
        attribution.product_line as to_product,
        attribution.channel,
        attribution.currency,
        count(distinct attribution.conversion_id) as touched_conversions,
        count(attribution.touchpoint_id) as touchpoints,
    {% for model in models %}
    sum(attribution.{{ model }}_weight) as {{ model }}_conversions,
    sum(attribution.{{ model }}_revenue_cents)
        as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('fct_attribution') }} as attribution
    inner join app_products on attribution.conversion_id = app_products.conversion_id
    where attribution.conversion_type = 'cross_sell'
    group by
        app_products.from_product,
        attribution.product_line,
        attribution.channel,
        attribution.currency

),

final as (

    {% for model in models %}
    {% if not loop.first %}union all{% endif %}

    select
        from_product,
        to_product,
        channel,
        '{{ model }}' as model,
        currency,
        cast(touched_conversions as bigint) as touched_conversions,
        cast(touchpoints as bigint) as touchpoints,
        cast({{ model }}_conversions as decimal(24, 12)) as conversions,
        cast({{ model }}_revenue_cents as bigint) as revenue_cents
    from credits
    {% endfor %}

)

select * from final
