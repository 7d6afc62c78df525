-- What a day's end looked like at each of its hours: the calls so far, and what the same weekdays
-- before still spent from that hour on.
with

hours as (

    select
        log_date,
        hour_of_day,
        sum(counted_calls) as counted_calls
    from {{ ref('int_salesforce_api_calls_counted') }}
    group by log_date, hour_of_day

),

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

allowances as (

    select * from {{ ref('stg_salesforce__api_allowance') }}

),

days as (

    select
        log_date,
        cast(sum(counted_calls) as bigint) as calls_of_the_day
    from hours
    group by log_date

),

-- The day after the newest log is forecast before its first hour.
days_and_next as (

    select
        log_date,
        calls_of_the_day
    from days

    union all

    select
        cast({{ shifted('max(log_date)', 1, 'days') }} as date) as log_date,
        cast(null as bigint) as calls_of_the_day
    from days
    having count(*) > 0

),

-- The allowance as of the day, else the first that we saw.
days_allowed as (

    select
        days_and_next.log_date,
        days_and_next.calls_of_the_day,
        cast(extract(isodow from days_and_next.log_date) as integer) as day_of_week,
        coalesce(
            max_by(
                allowances.max_calls,
                case
                    when allowances.observed_date <= days_and_next.log_date
                        then allowances.observed_date
                end
            ),
            min_by(allowances.max_calls, allowances.observed_date)
        ) as max_calls
    from days_and_next
    left join allowances on true
    group by days_and_next.log_date, days_and_next.calls_of_the_day

),

numbers as (

    select {{ numbers_to(24) }} as hours_so_far

),

moments as (

    select
        days_allowed.log_date,
        days_allowed.day_of_week,
        days_allowed.max_calls,
        days_allowed.calls_of_the_day,
        numbers.hours_so_far
    from days_allowed
    cross join numbers
    where days_allowed.calls_of_the_day is not null or numbers.hours_so_far = 0

),

so_far as (

    select
        moments.log_date,
        moments.day_of_week,
        moments.max_calls,
        moments.calls_of_the_day,
        cast(moments.hours_so_far as integer) as hours_so_far,
        cast(coalesce(sum(hours.counted_calls), 0) as bigint) as counted_calls_so_far
    from moments
    left join hours
        on
            moments.log_date = hours.log_date
            and moments.hours_so_far > hours.hour_of_day
    group by
        moments.log_date,
        moments.day_of_week,
        moments.max_calls,
        moments.calls_of_the_day,
        moments.hours_so_far

),

-- A storm of one day is no habit: the median, not the mean, of what was still to come.
habits as (

    select
        so_far.log_date,
        so_far.hours_so_far,
        count(earlier.log_date) as earlier_days,
        count(case when earlier.day_of_week = so_far.day_of_week then 1 end) as same_weekdays,
        median(earlier.calls_of_the_day - earlier.counted_calls_so_far) as rest_of_any_day,
        median(
            case
                when earlier.day_of_week = so_far.day_of_week
                    then earlier.calls_of_the_day - earlier.counted_calls_so_far
            end
        ) as rest_of_weekday
    from so_far
    cross join settings
    left join so_far as earlier
        on
            so_far.hours_so_far = earlier.hours_so_far
            and so_far.log_date > earlier.log_date
            and {{ days_between('earlier.log_date', 'so_far.log_date') }}
            <= settings.forecast_days
            and earlier.calls_of_the_day is not null
    group by so_far.log_date, so_far.hours_so_far

),

forecast as (

    select
        so_far.log_date,
        so_far.hours_so_far,
        so_far.day_of_week,
        so_far.counted_calls_so_far,
        so_far.calls_of_the_day,
        so_far.max_calls,
        cast(
            round(
                so_far.counted_calls_so_far
                + coalesce(habits.rest_of_weekday, habits.rest_of_any_day)
            ) as bigint
        ) as forecast_calls,
        case
            when habits.same_weekdays > 0 then 'same_weekday'
            when habits.earlier_days > 0 then 'any_day'
            else 'no_history'
        end as forecast_basis
    from so_far
    inner join habits
        on
            so_far.log_date = habits.log_date
            and so_far.hours_so_far = habits.hours_so_far

),

final as (

    select
        log_date,
        hours_so_far,
        day_of_week,
        counted_calls_so_far,
        forecast_calls,
        forecast_basis,
        calls_of_the_day,
        max_calls,
        forecast_calls >= max_calls as is_limit_reached_by_forecast
    from forecast

)

select * from final
