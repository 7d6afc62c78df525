-- Hours in a row in which an application's calls are mostly refused: it asks again and again.
with

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

hours as (

    select
        log_date,
        application,
        hour_of_day,
        sum(calls) as calls,
        sum(counted_calls) as counted_calls,
        sum(case when status_code >= 400 then calls else 0 end) as error_calls,
        sum(case when status_code >= 400 then counted_calls else 0 end) as counted_error_calls
    from {{ ref('int_salesforce_api_calls_counted') }}
    group by log_date, application, hour_of_day

),

status_codes as (

    select
        log_date,
        application,
        hour_of_day,
        status_code,
        sum(calls) as error_calls
    from {{ ref('int_salesforce_api_calls_counted') }}
    where status_code >= 400
    group by log_date, application, hour_of_day, status_code

),

stormy_hours as (

    select
        hours.log_date,
        hours.application,
        hours.hour_of_day,
        hours.error_calls,
        hours.counted_error_calls,
        -- The same for all hours that follow each other.
        hours.hour_of_day - row_number() over (
            partition by hours.log_date, hours.application order by hours.hour_of_day
        ) as storm
    from hours
    cross join settings
    where
        hours.error_calls >= settings.storm_min_errors
        and hours.error_calls >= settings.storm_error_share * hours.calls

),

storms as (

    select
        log_date,
        application,
        storm,
        min(hour_of_day) as started_hour,
        max(hour_of_day) as ended_hour,
        sum(error_calls) as error_calls,
        sum(counted_error_calls) as counted_error_calls
    from stormy_hours
    group by log_date, application, storm

),

storm_codes as (

    select
        storms.log_date,
        storms.application,
        storms.started_hour,
        status_codes.status_code
    from storms
    inner join status_codes
        on
            storms.log_date = status_codes.log_date
            and storms.application = status_codes.application
            and status_codes.hour_of_day between storms.started_hour and storms.ended_hour
    group by
        storms.log_date, storms.application, storms.started_hour, status_codes.status_code
    qualify row_number() over (
        partition by storms.log_date, storms.application, storms.started_hour
        order by sum(status_codes.error_calls) desc, status_codes.status_code
    ) = 1

),

final as (

    select
        storms.log_date,
        storms.application,
        storms.started_hour,
        cast(storms.ended_hour - storms.started_hour + 1 as integer) as storm_hours,
        storm_codes.status_code as main_status_code,
        cast(storms.error_calls as bigint) as error_calls,
        cast(storms.counted_error_calls as bigint) as counted_error_calls
    from storms
    inner join storm_codes
        on
            storms.log_date = storm_codes.log_date
            and storms.application = storm_codes.application
            and storms.started_hour = storm_codes.started_hour

)

select * from final
