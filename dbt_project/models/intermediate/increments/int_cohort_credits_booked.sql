{% set models = attribution_models() %}
{% set columns = cohort_credit_columns() %}
{% set key = 'campaign_id, cohort_month, currency, conversion_type, model' %}

-- Credits of cohorts by the month of their booking, as the months that are closed allow it. Rows of
-- closed months are the frozen ones; what this night says differently about such a month is booked
-- in the first open month, in rows that name the month that they adjust.
with

frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

frozen as (

    select * from {{ ref('stg_ledger__closed_cohort_credits') }}

),

-- What was booked before its touch (a source may date back) counts in the touch's own month.
dated_credits as (

    select
        campaign_id,
        touch_month as cohort_month,
        currency,
        conversion_type,
        greatest(touch_month, cash_month) as month,
    {% for model in models %}
    cast(sum({{ model }}_units) as hugeint) as {{ model }}_units,
    cast(sum({{ model }}_revenue_cents) as bigint)
        as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_summed') }}
    group by
        campaign_id,
        touch_month,
        currency,
        conversion_type,
        greatest(touch_month, cash_month)

),

credits as (

    select * from {{ one_row_a_model(
        'dated_credits',
        ['campaign_id', 'cohort_month', 'currency', 'conversion_type', 'month'],
        ['units', 'revenue_cents']
    ) }} as model_rows

),

-- What this night says of the closed months, less all that was booked about them.
differences as (

    select
        {{ key }},
        month as adjusts_month,
        cast(sum(units) as hugeint) as units,
        cast(sum(revenue_cents) as bigint) as revenue_cents
    from (
        select
            {{ key }},
            month,
            units,
            revenue_cents
        from credits
        where month <= (select frontier.closed_through from frontier)
        union all
        select
            {{ key }},
            coalesce(adjusts_month, month) as month,
            -1 * units as units,
            -1 * revenue_cents as revenue_cents
        from frozen
    ) as both_sides
    group by {{ key }}, month

),

booked as (

    select
        {{ key }},
        month,
        cast(null as date) as adjusts_month,
        units,
        revenue_cents,
        false as is_frozen
    from credits
    where month > coalesce((select frontier.closed_through from frontier), date '0001-01-01')

    union all

    select
        {{ key }},
        (select frontier.first_open_month from frontier) as month,
        adjusts_month,
        units,
        revenue_cents,
        false as is_frozen
    from differences
    where units <> 0 or revenue_cents <> 0

    union all

    select
        {{ key }},
        month,
        adjusts_month,
        units,
        revenue_cents,
        true as is_frozen
    from frozen

),

-- In the order of mart_campaign_performance, so that a cohort's conversions sum to those there;
-- each cohort's frozen rows before its others.
running_units as (

    select
        *,
        sum(units) over (
            partition by currency, model, conversion_type
            order by
                cohort_month asc,
                campaign_id asc,
                is_frozen desc,
                month asc,
                adjusts_month asc nulls last
            rows between unbounded preceding and current row
        ) as units_so_far,
        row_number() over (
            partition by {{ key }}, is_frozen
            order by month, adjusts_month nulls last
        ) as row_in_cohort
    from booked

),

frozen_sums as (

    select
        {{ key }},
        sum(units) as frozen_units,
        sum(conversion_millionths) as frozen_millionths
    from frozen
    group by {{ key }}

),

-- A cohort's first row behind the frozen ones continues from what they were counted as.
counted as (

    select
        running_units.*,
        {{ millionths_of_units('running_units.units_so_far', 'running_units.units') }}
        + case
            when running_units.row_in_cohort = 1 and frozen_sums.frozen_units is not null
                then {{ millionths_of_units(
                    'running_units.units_so_far - running_units.units',
                    'frozen_sums.frozen_units'
                ) }} - frozen_sums.frozen_millionths
            else 0
        end as conversion_millionths
    from running_units
    left join frozen_sums
        on
            running_units.campaign_id = frozen_sums.campaign_id
            and running_units.cohort_month = frozen_sums.cohort_month
            and running_units.currency = frozen_sums.currency
            and running_units.conversion_type = frozen_sums.conversion_type
            and running_units.model = frozen_sums.model
    where not running_units.is_frozen

),

final as (

    select {{ columns | list | join(', ') }}
    from frozen

    union all

    select
    {% for column, type in columns.items() %}
        cast({{ column }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from counted

)

select * from final
