-- What everybody but us spent of the allowance, hour by hour of the logged days that a push looks
-- back on.
with

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

ours as (

    select application
    from {{ ref('salesforce_applications') }}
    group by application
    having max(is_ours)

),

calls as (

    select
        counted.log_date,
        counted.hour_of_day,
        sum(case when ours.application is null then counted.counted_calls else 0 end) as other_calls
    from {{ ref('int_salesforce_api_calls_counted') }} as counted
    left join ours on counted.application = ours.application
    group by counted.log_date, counted.hour_of_day

),

newest as (

    select max(log_date) as log_date
    from calls

),

days as (

    select distinct calls.log_date
    from calls
    cross join newest
    cross join settings
    where {{ days_between('calls.log_date', 'newest.log_date') }} < settings.forecast_days

),

hours as (

    select {{ numbers_to(23) }} as hour_of_day

),

-- An hour without a call is known to have none: the log of a day is whole.
final as (

    select
        days.log_date,
        cast(hours.hour_of_day as integer) as hour_of_day,
        cast(coalesce(calls.other_calls, 0) as bigint) as other_calls
    from days
    cross join hours
    left join calls
        on
            days.log_date = calls.log_date
            and hours.hour_of_day = calls.hour_of_day

)

select * from final
