{% set models = attribution_models() %}

-- Credits by what performance marts group: one pass over the credits, models side by side. Each
-- credit is dated three times, so that every date basis is a sum of these rows.
with

conversions as (

    select
        conversion_id,
        currency,
        conversion_type,
        pending_fee_cents,
        {{ business_month('converted_at') }} as conversion_month
    from {{ ref('int_conversions_unioned') }}

),

cash_months as (

    select * from {{ ref('int_cash_months_summed') }}

),

-- Counted, and claimed, in one cash month; paid in all, which only differ where there are several.
attributed as (

    select
        coalesce(credits.campaign_id, 'no_campaign') as campaign_id,
        credits.channel,
        {{ business_month('credits.touched_at') }} as touch_month,
        conversions.conversion_month,
        cash_months.cash_month,
        conversions.currency,
        conversions.conversion_type,
    {% for model in models %}
    case when cash_months.is_counted then credits.{{ model }}_units else 0 end
        as {{ model }}_units,
    coalesce(cashed_credits.{{ model }}_revenue_cents, credits.{{ model }}_revenue_cents)
        as {{ model }}_revenue_cents,
    case when cash_months.is_counted then credits.{{ model }}_pending_fee_cents else 0 end
        as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_computed') }} as credits
    inner join conversions on credits.conversion_id = conversions.conversion_id
    inner join cash_months on credits.conversion_id = cash_months.conversion_id
    left join {{ ref('int_credits_cashed') }} as cashed_credits
        on
            credits.conversion_id = cashed_credits.conversion_id
            and credits.touchpoint_id = cashed_credits.touchpoint_id
            and cash_months.cash_month = cashed_credits.cash_month

),

-- What no touch earned is nobody's, and is shown as such; it has no touch month but its own.
unattributed as (

    select
        'unattributed' as campaign_id,
        'unattributed' as channel,
        conversions.conversion_month as touch_month,
        conversions.conversion_month,
        cash_months.cash_month,
        conversions.currency,
        conversions.conversion_type,
    {% for model in models %}
    case when cash_months.is_counted then 1000000000000 else 0 end as {{ model }}_units,
    cash_months.booked_cents as {{ model }}_revenue_cents,
    case when cash_months.is_counted then conversions.pending_fee_cents else 0 end
        as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_conversions_unattributed') }} as unattributed_conversions
    inner join conversions
        on unattributed_conversions.conversion_id = conversions.conversion_id
    inner join cash_months
        on unattributed_conversions.conversion_id = cash_months.conversion_id

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
        touch_month,
        conversion_month,
        cash_month,
        currency,
        conversion_type,
    {% for model in models %}
    cast(sum({{ model }}_units) as hugeint) as {{ model }}_units,
    cast(sum({{ model }}_revenue_cents) as bigint) as {{ model }}_revenue_cents,
    cast(sum({{ model }}_pending_fee_cents) as bigint)
        as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    group by
        campaign_id, channel, touch_month, conversion_month, cash_month, currency, conversion_type

)

select * from final
