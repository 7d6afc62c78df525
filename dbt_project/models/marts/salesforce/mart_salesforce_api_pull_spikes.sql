-- Hours in which a sync pulls far more of an object than in the hours around, and who touched it.
with

usage as (

    select * from {{ ref('int_salesforce_api_calls_counted') }}

),

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

hours as (

    select {{ numbers_to(23) }} as hour_of_day

),

-- Pulls and writes by hour, hours without any included.
activities as (

    select
        log_date,
        application,
        object_name,
        hour_of_day,
        case when call_kind = 'pull' then 'pull' else 'write' end as activity,
        sum(calls) as calls
    from usage
    where call_kind in ('pull', 'record_write', 'batch_write') and status_code < 400
    group by
        log_date,
        application,
        object_name,
        hour_of_day,
        case when call_kind = 'pull' then 'pull' else 'write' end

),

series as (

    select distinct
        log_date,
        application,
        object_name,
        activity
    from activities

),

hourly as (

    select
        series.log_date,
        series.application,
        series.object_name,
        series.activity,
        cast(hours.hour_of_day as integer) as hour_of_day,
        coalesce(activities.calls, 0) as calls
    from series
    cross join hours
    left join activities
        on
            series.log_date = activities.log_date
            and series.application = activities.application
            and series.object_name = activities.object_name
            and series.activity = activities.activity
            and hours.hour_of_day = activities.hour_of_day

),

compared as (

    select
        *,
        {{ usual_of_hour('calls', ['log_date', 'application', 'object_name', 'activity']) }}
            as usual_calls
    from hourly

),

pull_spikes as (

    select compared.*
    from compared
    cross join settings
    where
        compared.activity = 'pull'
        and compared.calls - compared.usual_calls >= settings.spike_min_calls

),

-- Who writes as much in every hour explains no spike.
write_spikes as (

    select *
    from compared
    where activity = 'write' and calls > 0 and calls >= 2 * usual_calls

),

-- The writer of the same hour or the hour before, ourselves first.
explained as (

    select
        pull_spikes.log_date,
        pull_spikes.hour_of_day,
        pull_spikes.application,
        pull_spikes.object_name,
        pull_spikes.calls,
        pull_spikes.usual_calls,
        write_spikes.application as cause_application,
        coalesce(applications.is_ours, false) as is_ours
    from pull_spikes
    left join write_spikes
        on
            pull_spikes.log_date = write_spikes.log_date
            and pull_spikes.object_name = write_spikes.object_name
            and pull_spikes.application <> write_spikes.application
            and pull_spikes.hour_of_day - write_spikes.hour_of_day between 0 and 1
    left join {{ ref('salesforce_applications') }} as applications
        on write_spikes.application = applications.application
    qualify row_number() over (
        partition by
            pull_spikes.log_date, pull_spikes.hour_of_day, pull_spikes.application,
            pull_spikes.object_name
        order by
            coalesce(applications.is_ours, false) desc,
            write_spikes.calls - write_spikes.usual_calls desc,
            write_spikes.application
    ) = 1

),

final as (

    select
        log_date,
        hour_of_day,
        application,
        object_name,
        cast(calls as bigint) as pull_calls,
        cast(usual_calls as decimal(9, 1)) as usual_calls,
        cast(round(calls - usual_calls) as bigint) as excess_calls,
        cause_application,
        case
            when is_ours then 'our_push'
            when cause_application is not null then 'another_application'
            else 'inside_the_org'
        end as cause
    from explained

)

select * from final
