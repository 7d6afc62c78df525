{#-
The body of a performance mart: spend, touchpoints and credits by one dimension, month, model and
currency.

Args: dimension, the column that the mart has a row for: `campaign_id` or `channel`.

Conversions are counted in units of 1e-6, dealt out by running sums, so that every model's total
is the number of conversions exactly. Ratios are single divisions of exact sums.
-#}
{% macro performance_by(dimension) %}
{% set models = attribution_models() %}
{% set types = ['acquisition', 'cross_sell', 'skip_referral'] %}
with

credits as (
    {% for model in models %}
        {% if not loop.first %}union all{% endif %}

        select
            {{ dimension }},
            month,
            currency,
            '{{ model }}' as model,
            conversion_type,
            cast(sum({{ model }}_units) as hugeint) as weight_units,
            cast(sum({{ model }}_revenue_cents) as bigint) as revenue_cents,
            cast(sum({{ model }}_pending_fee_cents) as bigint) as pending_fee_cents
        from {{ ref('int_credits_summed') }}
        group by {{ dimension }}, month, currency, conversion_type
    {% endfor %}

),

running_credits as (

    select
        *,
        sum(weight_units) over (
            partition by month, currency, model, conversion_type
            order by {{ dimension }}
            rows between unbounded preceding and current row
        ) as running_units
    from credits

),

counted_credits as (

    select
        {{ dimension }},
        month,
        currency,
        model,
        conversion_type,
        revenue_cents,
        pending_fee_cents,
        {{ exact_part('1', 'running_units', 'weight_units', '1000000') }} as conversion_millionths
    from running_credits

),

conversion_sums as (

    select
        {{ dimension }},
        month,
        currency,
        model,
        {% for type in types %}
            sum(case when conversion_type = '{{ type }}' then conversion_millionths else 0 end)
                as {{ type }}_millionths,
            sum(case when conversion_type = '{{ type }}' then revenue_cents else 0 end)
                as {{ type }}_revenue_cents,
        {% endfor %}
        sum(conversion_millionths) as conversion_millionths,
        sum(revenue_cents) as revenue_cents,
        sum(pending_fee_cents) as pending_fee_cents
    from counted_credits
    group by {{ dimension }}, month, currency, model

),

spend_sums as (

    select
        {{ dimension }},
        cast(date_trunc('month', spend_date) as date) as month,
        currency,
        sum(spend_cents) as spend_cents,
        sum(impressions) as impressions,
        sum(clicks) as clicks
    from {{ ref('int_spend_converted') }}
    group by {{ dimension }}, cast(date_trunc('month', spend_date) as date), currency

),

-- A touch has no currency of its own: it is counted in that of its campaign's bills, else in the
-- reporting currency.
touch_sums as (

    select
        {% if dimension == 'campaign_id' -%}
            coalesce(touchpoints.campaign_id, 'no_campaign') as campaign_id,
        {% else -%}
            touchpoints.channel,
        {% endif -%}
        {{ business_month('touchpoints.touched_at') }} as month,
        coalesce(campaigns.currency, '{{ var("reporting_currency") }}') as currency,
        count(*) as touchpoints,
        sum(case when touchpoints.is_earning then 1 else 0 end) as earning_touchpoints
    from {{ ref('int_touchpoints_unioned') }} as touchpoints
    left join {{ ref('int_campaigns_unioned') }} as campaigns
        on touchpoints.campaign_id = campaigns.campaign_id
    group by 1, 2, 3

),

models as (
    {% for model in models %}
        {% if not loop.first %}union all{% endif %}

        select '{{ model }}' as model
    {% endfor %}

),

row_keys as (

    select
        all_keys.{{ dimension }},
        all_keys.month,
        all_keys.currency,
        models.model
    from (
        select
            {{ dimension }},
            month,
            currency
        from conversion_sums
        union
        select
            {{ dimension }},
            month,
            currency
        from spend_sums
        union
        select
            {{ dimension }},
            month,
            currency
        from touch_sums
    ) as all_keys
    cross join models

),

joined as (

    select
        row_keys.{{ dimension }},
        row_keys.month,
        row_keys.model,
        row_keys.currency,
        cast(coalesce(spend_sums.spend_cents, 0) as bigint) as spend_cents,
        cast(coalesce(spend_sums.impressions, 0) as bigint) as impressions,
        cast(coalesce(spend_sums.clicks, 0) as bigint) as clicks,
        cast(coalesce(touch_sums.touchpoints, 0) as bigint) as touchpoints,
        cast(coalesce(touch_sums.earning_touchpoints, 0) as bigint) as earning_touchpoints,
        {{ as_conversions('conversion_sums.conversion_millionths') }} as conversions,
        {% for type in types %}
            {{ as_conversions('conversion_sums.' ~ type ~ '_millionths') }}
                as {{ type }}_conversions,
        {% endfor %}
        cast(coalesce(conversion_sums.revenue_cents, 0) as bigint) as revenue_cents,
        {% for type in types %}
            cast(coalesce(conversion_sums.{{ type }}_revenue_cents, 0) as bigint)
                as {{ type }}_revenue_cents,
        {% endfor %}
        cast(coalesce(conversion_sums.pending_fee_cents, 0) as bigint) as pending_fee_cents,
        case
            when row_keys.currency = '{{ var("reporting_currency") }}' then 1
            else fx_rates.rate
        end as fx_rate
    from row_keys
    left join conversion_sums
        on
            row_keys.{{ dimension }} = conversion_sums.{{ dimension }}
            and row_keys.month = conversion_sums.month
            and row_keys.currency = conversion_sums.currency
            and row_keys.model = conversion_sums.model
    left join spend_sums
        on
            row_keys.{{ dimension }} = spend_sums.{{ dimension }}
            and row_keys.month = spend_sums.month
            and row_keys.currency = spend_sums.currency
    left join touch_sums
        on
            row_keys.{{ dimension }} = touch_sums.{{ dimension }}
            and row_keys.month = touch_sums.month
            and row_keys.currency = touch_sums.currency
    left join {{ ref('fx_rates') }} as fx_rates
        on
            row_keys.month = fx_rates.rate_date
            and row_keys.currency = fx_rates.from_currency
            and fx_rates.to_currency = '{{ var("reporting_currency") }}'

)
{% endmacro %}


{#- Cents in the reporting currency: rounded running sums, so that each model's rows of a month and
    currency add up to the same rounded total. -#}
{% macro reporting_cents(cents, dimension) -%}
    {%- set so_far -%}
        cast(sum(joined.{{ cents }}) over (
            partition by joined.month, joined.model, joined.currency
            order by joined.{{ dimension }}
            rows between unbounded preceding and current row
        ) as bigint)
    {%- endset -%}
    cast(
        round({{ so_far }} * joined.fx_rate)
        - round(({{ so_far }} - joined.{{ cents }}) * joined.fx_rate)
        as bigint
    )
{%- endmacro %}


{#- The columns of a performance mart after those of its dimension; reads `joined`. -#}
{% macro performance_columns(dimension) -%}
    joined.month,
    joined.model,
    joined.currency,
    joined.spend_cents,
    joined.impressions,
    joined.clicks,
    joined.touchpoints,
    joined.earning_touchpoints,
    joined.conversions,
    joined.acquisition_conversions,
    joined.cross_sell_conversions,
    joined.skip_referral_conversions,
    joined.revenue_cents,
    joined.acquisition_revenue_cents,
    joined.cross_sell_revenue_cents,
    joined.skip_referral_revenue_cents,
    joined.pending_fee_cents,
    {{ ratio('joined.revenue_cents', 'joined.spend_cents') }} as roas,
    {{ ratio('joined.revenue_cents - joined.spend_cents', 'joined.spend_cents') }} as roi,
    {{ ratio('joined.spend_cents / 100', 'joined.acquisition_conversions') }}
        as cost_per_acquisition,
    '{{ var("reporting_currency") }}' as reporting_currency,
    cast(joined.fx_rate as decimal(18, 6)) as fx_rate,
    {{ reporting_cents('spend_cents', dimension) }} as spend_reporting_cents,
    {{ reporting_cents('revenue_cents', dimension) }} as revenue_reporting_cents,
    {{ reporting_cents('pending_fee_cents', dimension) }} as pending_fee_reporting_cents
{%- endmacro %}


{#- Millionths of a conversion as a number of conversions. -#}
{% macro as_conversions(millionths) -%}
    cast(
        cast(coalesce({{ millionths }}, 0) as decimal(24, 6)) * cast(0.000001 as decimal(7, 6))
        as decimal(18, 6)
    )
{%- endmacro %}


{#- A quotient to six digits; null where nothing was spent or won. -#}
{% macro ratio(dividend, divisor) -%}
    cast(
        round(cast({{ dividend }} as double) / nullif(cast({{ divisor }} as double), 0), 6)
        as decimal(18, 6)
    )
{%- endmacro %}
