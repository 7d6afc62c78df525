{#-
The models beside which platforms' own counts stand. last_non_direct is the nearest to how platforms
count: the sale itself often begins with a direct visit, which hides the ad from last_touch.
-#}
{% set shown_models = ['last_non_direct', 'linear', 'markov'] %}

with

claims as (

    select
        platform,
        campaign_code as campaign_id,
        window_days,
        currency,
        cast(date_trunc('month', claim_date) as date) as month,
        cast(sum(cast(claimed_value_amount * 100 as bigint)) as bigint) as claimed_value_cents,
        sum(claimed_conversions) as claimed_conversions
    from {{ ref('stg_media__platform_claims') }}
    group by
        platform,
        campaign_code,
        cast(date_trunc('month', claim_date) as date),
        window_days,
        currency

),

installs as (

    select
        platform,
        campaign_code as campaign_id,
        cast(date_trunc('month', install_date) as date) as month,
        cast(sum(installs) as bigint) as app_installs
    from {{ ref('stg_media__app_installs') }}
    group by platform, campaign_code, cast(date_trunc('month', install_date) as date)

),

our_credits as (

    select
        campaign_id,
        {{ business_month('converted_at') }} as month,
        currency,
    {% for model in shown_models %}
    sum({{ model }}_weight) as {{ model }}_conversions,
    cast(sum({{ model }}_revenue_cents) as bigint)
        as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('fct_attribution') }}
    where campaign_id is not null
    group by campaign_id, {{ business_month('converted_at') }}, currency

),

-- Over all currencies, because a platform's count knows none.
ours as (

    select
        our_credits.campaign_id,
        our_credits.month,
        max(
            case
                when {{ rate_to_reporting('our_credits.currency', 'fx_rates') }} is null then 1
                else 0
            end
        ) = 1 as is_rate_missing,
    {% for model in shown_models %}
    sum(our_credits.{{ model }}_conversions) as {{ model }}_conversions,
    sum(
        our_credits.{{ model }}_revenue_cents
        * {{ rate_to_reporting('our_credits.currency', 'fx_rates') }}
    ) as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from our_credits
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of('fx_rates', 'our_credits.month', 'our_credits.currency') }}
    group by our_credits.campaign_id, our_credits.month

),

-- Installs without a claim have a row of their own, without window and currency.
claimed as (

    select
        claims.window_days,
        claims.currency,
        claims.claimed_conversions,
        claims.claimed_value_cents,
        installs.app_installs,
        coalesce(claims.platform, installs.platform) as platform,
        coalesce(claims.campaign_id, installs.campaign_id) as campaign_id,
        coalesce(claims.month, installs.month) as month
    from claims
    full join installs
        on
            claims.platform = installs.platform
            and claims.campaign_id = installs.campaign_id
            and claims.month = installs.month

),

joined as (

    select
        claimed.platform,
        claimed.campaign_id,
        claimed.month,
        claimed.window_days,
        claimed.currency,
        claimed.claimed_conversions,
        claimed.claimed_value_cents,
        claimed.app_installs,
        coalesce(ours.is_rate_missing, false)
        or (
            claimed.currency is not null
            and {{ rate_to_reporting('claimed.currency', 'fx_rates') }} is null
        ) as is_rate_missing,
        cast(
            round(
                claimed.claimed_value_cents
                * {{ rate_to_reporting('claimed.currency', 'fx_rates') }}
            ) as bigint
        ) as claimed_value_reporting_cents,
    {% for model in shown_models %}
    cast(round(coalesce(ours.{{ model }}_conversions, 0), 6) as decimal(18, 6))
        as {{ model }}_conversions,
    cast(round(coalesce(ours.{{ model }}_revenue_cents, 0)) as bigint)
        as {{ model }}_revenue_reporting_cents{{ ',' if not loop.last }}
    {% endfor %}
    from claimed
    left join ours
        on
            claimed.campaign_id = ours.campaign_id
            and claimed.month = ours.month
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of('fx_rates', 'claimed.month', 'claimed.currency') }}

),

final as (

    select
        platform,
        campaign_id,
        month,
        window_days,
        currency,
        cast(claimed_conversions as decimal(18, 6)) as claimed_conversions,
        claimed_value_cents,
        claimed_value_reporting_cents,
        app_installs,
        is_rate_missing,
    {% for model in shown_models %}
    {{ model }}_conversions,
    {{ model }}_revenue_reporting_cents,
    {{ ratio('claimed_conversions', model ~ '_conversions') }}
        as {{ model }}_conversion_ratio,
    {{ ratio('claimed_value_reporting_cents', model ~ '_revenue_reporting_cents') }}
        as {{ model }}_value_ratio{{ ',' if not loop.last }}
    {% endfor %}
    from joined

)

select * from final
