{% set models = attribution_models() %}

-- What each month's bookings give every touch, for conversions with money in several months. Up to
-- a month a touch has its part of all that was booked so far, always by the same weights; so the
-- month's part is that less what it had before, a claw-back takes back what its income gave, and
-- the months of a touch sum to its credit.
with

cash_months as (

    select
        conversion_id,
        cash_month,
        booked_so_far_cents,
        booked_so_far_cents - booked_cents as booked_before_cents
    from {{ ref('int_cash_months_summed') }}
    where month_count > 1

),

credits as (

    select * from {{ ref('int_credits_computed') }}
    where conversion_id in (select cash_months.conversion_id from cash_months)

),

running_credits as (

    select
        conversion_id,
        touchpoint_id,
    {% for model in models %}
    {{ model }}_units,
    cast(sum({{ model }}_units) over path_so_far as hugeint)
        as {{ model }}_units_running{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    window
        path_so_far as (
            partition by conversion_id
            order by path_position
            rows between unbounded preceding and current row
        )

),

final as (

    select
        running_credits.conversion_id,
        running_credits.touchpoint_id,
        cash_months.cash_month,
    {% for model in models %}
    {{ exact_part(
                'cash_months.booked_so_far_cents',
                model ~ '_units_running', model ~ '_units', '1000000000000'
            ) }}
    - {{ exact_part(
                'cash_months.booked_before_cents',
                model ~ '_units_running', model ~ '_units', '1000000000000'
            ) }} as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from running_credits
    inner join cash_months on running_credits.conversion_id = cash_months.conversion_id

)

select * from final
