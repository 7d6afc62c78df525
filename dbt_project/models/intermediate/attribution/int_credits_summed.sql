{% set models = attribution_models() %}

-- Credits by what performance marts group: one pass over the credits, models side by side.
with

attributed as (

    select
        touchpoints.channel,
        {{ business_month('conversions.converted_at') }} as month,
        conversions.currency,
        conversions.conversion_type,
        coalesce(touchpoints.campaign_id, 'no_campaign') as campaign_id,
    {% for model in models %}
    credits.{{ model }}_units,
    credits.{{ model }}_revenue_cents,
    credits.{{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_computed') }} as credits
    inner join {{ ref('int_conversions_unioned') }} as conversions
        on credits.conversion_id = conversions.conversion_id
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on credits.touchpoint_id = touchpoints.touchpoint_id

),

-- What no touch earned is nobody's, and is shown as such.
unattributed as (

    select
        'unattributed' as channel,
        {{ business_month('conversions.converted_at') }} as month,
        conversions.currency,
        conversions.conversion_type,
        'unattributed' as campaign_id,
    {% for model in models %}
    cast(1000000000000 as bigint) as {{ model }}_units,
    conversions.revenue_cents as {{ model }}_revenue_cents,
    conversions.pending_fee_cents as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_conversions_unattributed') }} as unattributed_conversions
    inner join {{ ref('int_conversions_unioned') }} as conversions
        on unattributed_conversions.conversion_id = conversions.conversion_id

),

credits as (

    select * from attributed
    union all
    select * from unattributed

),

final as (

    select
        campaign_id,
        channel,
        month,
        currency,
        conversion_type,
    {% for model in models %}
    cast(sum({{ model }}_units) as hugeint) as {{ model }}_units,
    cast(sum({{ model }}_revenue_cents) as bigint) as {{ model }}_revenue_cents,
    cast(sum({{ model }}_pending_fee_cents) as bigint)
        as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    group by campaign_id, channel, month, currency, conversion_type

)

select * from final
