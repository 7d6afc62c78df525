-- Who called what: each call with its application and kind, counted by hour.
with

calls as (

    select * from {{ ref('stg_salesforce__api_usage') }}

),

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

callers as (

    select distinct
        connected_app_name,
        client_name,
        user_id
    from calls

),

-- The first rule whose patterns all match names the application; else it has the name that it gives
-- itself, without the version of its client.
callers_named as (

    select
        callers.connected_app_name,
        callers.client_name,
        callers.user_id,
        coalesce(
            applications.application,
            callers.connected_app_name,
            regexp_replace(callers.client_name, '/.*$', ''),
            'user ' || callers.user_id
        ) as application
    from callers
    left join {{ ref('salesforce_applications') }} as applications
        on
            regexp_matches(
                coalesce(callers.connected_app_name, ''),
                coalesce(applications.connected_app_pattern, '')
            )
            and regexp_matches(
                coalesce(callers.client_name, ''), coalesce(applications.client_pattern, '')
            )
            and regexp_matches(callers.user_id, coalesce(applications.user_pattern, ''))
    qualify row_number() over (
        partition by callers.connected_app_name, callers.client_name, callers.user_id
        order by applications.rule_number
    ) = 1

),

operations as (

    select distinct
        api_family,
        http_method,
        api_resource
    from calls

),

operations_known as (

    select
        operations.api_family,
        operations.http_method,
        operations.api_resource,
        call_kinds.call_kind
    from operations
    inner join {{ ref('salesforce_call_kinds') }} as call_kinds
        on
            regexp_matches(operations.api_family, coalesce(call_kinds.family_pattern, ''))
            and regexp_matches(operations.http_method, coalesce(call_kinds.method_pattern, ''))
            and regexp_matches(operations.api_resource, coalesce(call_kinds.resource_pattern, ''))
    qualify row_number() over (
        partition by operations.api_family, operations.http_method, operations.api_resource
        order by call_kinds.rule_number
    ) = 1

),

described as (

    select
        calls.log_date,
        calls.hour_of_day,
        callers_named.application,
        calls.user_id,
        calls.object_name,
        calls.http_method,
        calls.api_resource,
        calls.resource_path,
        operations_known.call_kind,
        calls.status_code,
        calls.is_counted,
        calls.calls
    from calls
    inner join callers_named
        on
            calls.connected_app_name is not distinct from callers_named.connected_app_name
            and calls.client_name is not distinct from callers_named.client_name
            and calls.user_id = callers_named.user_id
    inner join operations_known
        on
            calls.api_family = operations_known.api_family
            and calls.http_method = operations_known.http_method
            and calls.api_resource = operations_known.api_resource

),

-- A record's first write of the day by an application is news; each further one is a repeat.
writes_compared as (

    select
        *,
        case
            when
                call_kind = 'record_write'
                and api_resource = 'sobjects/record'
                and status_code < 400
                then calls - case
                    when row_number() over (
                        partition by
                            log_date, application, object_name, resource_path, call_kind,
                            status_code < 400
                        order by hour_of_day, user_id, http_method, status_code, is_counted
                    ) = 1 then 1
                    else 0
                end
            else 0
        end as repeated_writes
    from described

),

counted as (

    select
        log_date,
        hour_of_day,
        application,
        user_id,
        object_name,
        http_method,
        api_resource,
        call_kind,
        status_code,
        cast(sum(calls) as bigint) as calls,
        cast(sum(case when is_counted then calls else 0 end) as bigint) as counted_calls,
        cast(sum(repeated_writes) as bigint) as repeated_writes
    from writes_compared
    group by
        log_date,
        hour_of_day,
        application,
        user_id,
        object_name,
        http_method,
        api_resource,
        call_kind,
        status_code

),

query_hours as (

    select
        log_date,
        hour_of_day,
        application,
        user_id,
        object_name,
        http_method,
        api_resource,
        sum(calls) as calls
    from counted
    where call_kind = 'query'
    group by
        log_date,
        hour_of_day,
        application,
        user_id,
        object_name,
        http_method,
        api_resource

),

-- A query that is asked again and again in nearly every hour of a day only looks for news.
polls as (

    select
        query_hours.log_date,
        query_hours.application,
        query_hours.user_id,
        query_hours.object_name,
        query_hours.http_method,
        query_hours.api_resource
    from query_hours
    cross join settings
    group by
        query_hours.log_date,
        query_hours.application,
        query_hours.user_id,
        query_hours.object_name,
        query_hours.http_method,
        query_hours.api_resource
    having
        sum(case when query_hours.calls >= settings.poll_min_calls_an_hour then 1 else 0 end)
        >= max(settings.poll_min_hours)

),

final as (

    select
        counted.log_date,
        counted.hour_of_day,
        counted.application,
        counted.user_id,
        counted.object_name,
        counted.http_method,
        counted.api_resource,
        counted.status_code,
        counted.calls,
        counted.counted_calls,
        counted.repeated_writes,
        case when polls.log_date is null then counted.call_kind else 'poll' end as call_kind
    from counted
    left join polls
        on
            counted.log_date = polls.log_date
            and counted.application = polls.application
            and counted.user_id = polls.user_id
            and counted.object_name = polls.object_name
            and counted.http_method = polls.http_method
            and counted.api_resource = polls.api_resource
            and counted.call_kind = 'query'

)

select * from final
