{% set models = attribution_models() %}

-- What every person's conversions earned each channel, by every model: what a bootstrap over people
-- draws again. Sums are of whole numbers; a number of conversions is one division of such a sum.
with

conversions as (

    select
        conversions.conversion_id,
        conversions.person_id,
        cast(
            case
                when conversions.currency = '{{ var("reporting_currency") }}'
                    then conversions.revenue_cents
                else round(conversions.revenue_cents * fx_rates.rate)
            end as hugeint
        ) as revenue_cents
    from {{ ref('int_conversions_unioned') }} as conversions
    left join {{ ref('fx_rates') }} as fx_rates
        on
            {{ business_month('conversions.converted_at') }} = fx_rates.rate_date
            and conversions.currency = fx_rates.from_currency
            and fx_rates.to_currency = '{{ var("reporting_currency") }}'

),

attributed as (

    select
        conversions.person_id,
        conversions.revenue_cents,
        credits.channel,
    {% for model in models %}
    credits.{{ model }}_units{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_computed') }} as credits
    inner join conversions on credits.conversion_id = conversions.conversion_id

),

-- What no touch earned is nobody's, and is shown as such.
unattributed as (

    select
        conversions.person_id,
        conversions.revenue_cents,
        'unattributed' as channel,
    {% for model in models %}
    cast(1000000000000 as bigint) as {{ model }}_units{{ ',' if not loop.last }}
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
        person_id,
        channel,
    {% for model in models %}
    cast(sum({{ model }}_units) as double) / 1e12 as {{ model }}_conversions,
    cast(sum(revenue_cents * {{ model }}_units) as double) / 1e12
        as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    group by person_id, channel

)

select * from final
