-- A conversion's money by the month in which it was booked, and the month in which it is counted
-- as cash.
with

conversions as (

    select
        conversion_id,
        {{ business_month('converted_at') }} as conversion_month
    from {{ ref('int_conversions_unioned') }}

),

booked_months as (

    select
        conversion_id,
        cast(date_trunc('month', booked_date) as date) as cash_month,
        cast(sum(revenue_cents) as bigint) as booked_cents,
        max(case when revenue_cents > 0 then 1 else 0 end) = 1 as has_income
    from {{ ref('int_conversion_revenue_booked') }}
    group by conversion_id, cast(date_trunc('month', booked_date) as date)

),

-- A conversion is counted where its first income was booked; one that never had any, in the month
-- in which it happened.
counted_months as (

    select
        conversions.conversion_id,
        coalesce(min(booked_months.cash_month), conversions.conversion_month) as counted_month
    from conversions
    left join booked_months
        on
            conversions.conversion_id = booked_months.conversion_id
            and booked_months.has_income
    group by conversions.conversion_id, conversions.conversion_month

),

cash_months as (

    select
        conversion_id,
        cash_month,
        booked_cents
    from booked_months

    union all

    select
        conversion_id,
        counted_month as cash_month,
        0 as booked_cents
    from counted_months

),

summed_months as (

    select
        conversion_id,
        cash_month,
        cast(sum(booked_cents) as bigint) as booked_cents
    from cash_months
    group by conversion_id, cash_month

),

final as (

    select
        summed_months.conversion_id,
        summed_months.cash_month,
        summed_months.booked_cents,
        cast(
            sum(summed_months.booked_cents) over (
                partition by summed_months.conversion_id
                order by summed_months.cash_month
                rows between unbounded preceding and current row
            ) as bigint
        ) as booked_so_far_cents,
        count(*) over (partition by summed_months.conversion_id) as month_count,
        summed_months.cash_month = counted_months.counted_month as is_counted
    from summed_months
    inner join counted_months
        on summed_months.conversion_id = counted_months.conversion_id

)

select * from final
