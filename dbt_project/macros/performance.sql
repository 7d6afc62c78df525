{#-
The dates by which performance marts order money, each with the column of int_credits_summed that
holds its month.

touch: the month of the touch that earned it; what nothing earned stays in its conversion's month.
conversion: the month of the conversion.
cash: revenue in the months of its bookings, a claw-back in its own; a conversion in the month of
its first income, or in its own month where it never had any.
-#}
{% macro date_bases() -%}
    {{ return({
        'touch': 'touch_month', 'conversion': 'conversion_month', 'cash': 'cash_month'
    }) }}
{%- endmacro %}


{#- A relation with the column `date_basis`: one row per date basis. -#}
{% macro date_basis_names() -%}
    (
        {% for basis in date_bases() %}
            select '{{ basis }}' as date_basis
            {{ 'union all' if not loop.last }}
        {% endfor %}
    )
{%- endmacro %}


{#- A relation with the column `model`: one row per attribution model. -#}
{% macro model_names() -%}
    (
        {% for model in attribution_models() %}
            select '{{ model }}' as model
            {{ 'union all' if not loop.last }}
        {% endfor %}
    )
{%- endmacro %}


{#-
A relation with a row for every model instead of columns for every model.

Args: relation, whose columns `<model>_<measure>` are turned; columns, those that stay; measures,
the endings of the turned ones.
-#}
{% macro one_row_a_model(relation, columns, measures) -%}
    (
        {% for model in attribution_models() %}
            select
                {{ columns | join(', ') }},
                {% for measure in measures %}
                    {{ model }}_{{ measure }} as {{ measure }},
                {% endfor %}
                '{{ model }}' as model
            from {{ relation }}
            {{ 'union all' if not loop.last }}
        {% endfor %}
    )
{%- endmacro %}


{#-
The body of a performance mart: spend, touchpoints and credits by one dimension, month, date basis,
model and currency.

Args: dimension, the column that the mart has a row for: `campaign_id` or `channel`.

Credits are those that the booked ones of the dimension say. Ratios are single divisions of exact
sums. Closed months are their frozen rows; the mart's own are those of open months, and what adjusts
a closed one.
-#}
{% macro performance_by(dimension) %}
{% set types = ['acquisition', 'cross_sell', 'skip_referral'] %}
with

-- Rows of closed months stand as they were frozen: only what lies behind them is summed.
conversion_sums as (

    select
        {{ dimension }},
        date_basis,
        month,
        adjusts_month,
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
    from {{ ref('int_' ~ dimension.removesuffix('_id') ~ '_credits_booked') }}
    where month > coalesce((select closed_through from {{ closed_frontier() }}), date '0001-01-01')
    group by {{ dimension }}, date_basis, month, adjusts_month, currency, model

),

-- Spend stands in the month in which it was spent, whatever the basis; touchpoints in their own.
spend_sums as (

    select
        {{ dimension }},
        cast(date_trunc('month', spend_date) as date) as month,
        currency,
        sum(spend_cents) as spend_cents,
        sum(impressions) as impressions,
        sum(clicks) as clicks
    from {{ ref('int_spend_allocated') }}
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

{{ activity_booked_by(dimension) }},

row_keys as (

    select
        {{ dimension }},
        month,
        adjusts_month,
        currency,
        date_basis,
        model
    from conversion_sums

    union

    select
        activity_sums.{{ dimension }},
        activity_sums.month,
        activity_sums.adjusts_month,
        activity_sums.currency,
        bases.date_basis,
        models.model
    from activity_sums
    cross join {{ date_basis_names() }} as bases
    cross join {{ model_names() }} as models

),

joined as (

    select
        row_keys.{{ dimension }},
        row_keys.month,
        row_keys.adjusts_month,
        row_keys.date_basis,
        row_keys.model,
        row_keys.currency,
        coalesce(activity_sums.spend_cents, 0) as spend_cents,
        coalesce(activity_sums.impressions, 0) as impressions,
        coalesce(activity_sums.clicks, 0) as clicks,
        coalesce(activity_sums.touchpoints, 0) as touchpoints,
        coalesce(activity_sums.earning_touchpoints, 0) as earning_touchpoints,
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
        {{ rate_to_reporting('row_keys.currency', 'fx_rates') }} as fx_rate
    from row_keys
    left join conversion_sums
        on
            row_keys.{{ dimension }} = conversion_sums.{{ dimension }}
            and row_keys.date_basis = conversion_sums.date_basis
            and row_keys.month = conversion_sums.month
            and row_keys.adjusts_month is not distinct from conversion_sums.adjusts_month
            and row_keys.currency = conversion_sums.currency
            and row_keys.model = conversion_sums.model
    left join activity_sums
        on
            row_keys.{{ dimension }} = activity_sums.{{ dimension }}
            and row_keys.month = activity_sums.month
            and row_keys.adjusts_month is not distinct from activity_sums.adjusts_month
            and row_keys.currency = activity_sums.currency
    -- An adjustment takes back what the month showed, so it is converted at that month's rate.
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of(
            'fx_rates', 'coalesce(row_keys.adjusts_month, row_keys.month)', 'row_keys.currency'
        ) }}

)
{% endmacro %}


{#- The condition under which a row of fx_rates converts a month's money to the reporting currency. -#}
{% macro is_rate_of(rates, month, currency) -%}
    {{ month }} = {{ rates }}.rate_date
    and {{ currency }} = {{ rates }}.from_currency
    and {{ rates }}.to_currency = '{{ var("reporting_currency") }}'
{%- endmacro %}


{#- The rate of a currency to the reporting currency: 1 for itself, null where the seed has none. -#}
{% macro rate_to_reporting(currency, rates) -%}
    case when {{ currency }} = '{{ var("reporting_currency") }}' then 1 else {{ rates }}.rate end
{%- endmacro %}


{#-
Cents at a rate, by rounded running sums: the rows of a group add up to the group's own rounded
total.

Args: cents and rate, columns; group, the columns within which one rate holds; order, those that
order its rows.
-#}
{% macro exactly_converted(cents, rate, group, order) -%}
    {%- set so_far -%}
        cast(sum({{ cents }}) over (
            partition by {{ group }}
            order by {{ order }}
            rows between unbounded preceding and current row
        ) as bigint)
    {%- endset -%}
    cast(
        round({{ so_far }} * {{ rate }}) - round(({{ so_far }} - {{ cents }}) * {{ rate }})
        as bigint
    )
{%- endmacro %}


{#-
Cents of `joined` in the reporting currency, exact by month, adjusted month, basis, model and
currency.
-#}
{% macro reporting_cents(cents, dimension) -%}
    {{ exactly_converted(
        'joined.' ~ cents, 'joined.fx_rate',
        'joined.month, joined.adjusts_month, joined.date_basis, joined.model, joined.currency',
        'joined.' ~ dimension
    ) }}
{%- endmacro %}


{#- All rows of a performance mart: those of `final`, and the frozen ones of closed months. -#}
{% macro with_closed_months(dimension) -%}
{%- set columns = performance_types(dimension) | list | join(', ') -%}
select {{ columns }} from final
union all
select {{ columns }} from frozen
{%- endmacro %}


{#- The channel of a campaign's row; what belongs to no campaign shows as what it is. -#}
{% macro channel_of_campaign(channel, campaign_id) -%}
    coalesce(
        {{ channel }},
        case
            when {{ campaign_id }} in ('unattributed', 'unallocated') then {{ campaign_id }}
            else 'no_campaign'
        end
    )
{%- endmacro %}


{#- The columns of a performance mart after those of its dimension; reads `joined`. -#}
{% macro performance_columns(dimension) -%}
    joined.month,
    joined.adjusts_month,
    joined.date_basis,
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
    -- A difference of two months' figures has no return of its own.
    case
        when joined.adjusts_month is null
            then {{ ratio('joined.revenue_cents', 'joined.spend_cents') }}
    end as roas,
    case
        when joined.adjusts_month is null
            then {{ ratio('joined.revenue_cents - joined.spend_cents', 'joined.spend_cents') }}
    end as roi,
    case
        when joined.adjusts_month is null
            then {{ ratio('joined.spend_cents', '100 * joined.acquisition_conversions') }}
    end as cost_per_acquisition,
    '{{ var("reporting_currency") }}' as reporting_currency,
    cast(joined.fx_rate as decimal(18, 6)) as fx_rate,
    {{ reporting_cents('spend_cents', dimension) }} as spend_reporting_cents,
    {{ reporting_cents('revenue_cents', dimension) }} as revenue_reporting_cents,
    {{ reporting_cents('pending_fee_cents', dimension) }} as pending_fee_reporting_cents
{%- endmacro %}


{#-
Millionths of a conversion that fall to a row, by rounded running sums of its units of 1e-12.

Args: running, the units up to and with the row (many conversions: 128 bits); units, its own.
-#}
{% macro millionths_of_units(running, units) -%}
    cast(
        (cast({{ running }} as hugeint) + 500000) // 1000000
        - (cast({{ running }} - {{ units }} as hugeint) + 500000) // 1000000
        as bigint
    )
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
