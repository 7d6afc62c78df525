-- Whether an application spends the allowance, and on what.
with

settings as (

    select * from {{ ref('int_salesforce_audit_settings_chosen') }}

),

listed as (

    select
        application,
        max(is_suspected) as is_suspected,
        max(is_ours) as is_ours
    from {{ ref('salesforce_applications') }}
    group by application

),

spent as (

    select
        log_date,
        application,
        sum(counted_calls) as counted_calls,
        sum(case when call_kind = 'poll' then counted_calls else 0 end) as poll_calls,
        sum(case when call_kind = 'job_poll' then counted_calls else 0 end) as job_poll_calls,
        sum(case when call_kind = 'pull' then counted_calls else 0 end) as pull_calls,
        sum(case when call_kind = 'record_write' then counted_calls else 0 end)
            as record_write_calls,
        sum(repeated_writes) as repeated_writes,
        sum(case when status_code >= 400 then counted_calls else 0 end) as error_calls
    from {{ ref('int_salesforce_api_calls_counted') }}
    group by log_date, application

),

totals as (

    select
        log_date,
        sum(counted_calls) as counted_calls
    from spent
    group by log_date

),

-- An application that people suspect has a row on days without a call of it too.
named as (

    select
        totals.log_date,
        listed.application
    from totals
    cross join listed
    where listed.is_suspected

    union distinct

    select
        log_date,
        application
    from spent

),

storms as (

    select
        log_date,
        application,
        sum(counted_error_calls) as storm_calls
    from {{ ref('mart_salesforce_api_error_storms') }}
    group by log_date, application

),

re_pulls as (

    select
        log_date,
        application,
        sum(excess_calls) as re_pull_calls
    from {{ ref('mart_salesforce_api_pull_spikes') }}
    where cause = 'our_push'
    group by log_date, application

),

joined as (

    select
        named.log_date,
        named.application,
        totals.counted_calls as calls_of_the_day,
        coalesce(listed.is_suspected, false) as is_suspected,
        coalesce(listed.is_ours, false) as is_ours,
        cast(coalesce(re_pulls.re_pull_calls, 0) as bigint) as re_pull_calls,
        cast(coalesce(storms.storm_calls, 0) as bigint) as storm_calls,
    {% for number in [
        'counted_calls', 'poll_calls', 'job_poll_calls', 'pull_calls', 'record_write_calls',
        'repeated_writes', 'error_calls'
    ] %}
    cast(coalesce(spent.{{ number }}, 0) as bigint) as {{ number }}{{ ',' if not loop.last }}
    {% endfor %}
    from named
    inner join totals on named.log_date = totals.log_date
    left join listed on named.application = listed.application
    left join spent
        on named.log_date = spent.log_date and named.application = spent.application
    left join storms
        on named.log_date = storms.log_date and named.application = storms.application
    left join re_pulls
        on named.log_date = re_pulls.log_date and named.application = re_pulls.application
    where totals.counted_calls > 0

),

shared as (

    select
        joined.*,
        {{ ratio('joined.counted_calls', 'joined.calls_of_the_day') }} as call_share,
        max(joined.counted_calls) over (partition by joined.log_date) as most_calls
    from joined

),

final as (

    select
        shared.log_date,
        shared.application,
        shared.is_suspected,
        shared.is_ours,
        shared.counted_calls,
        shared.call_share,
        shared.poll_calls,
        shared.job_poll_calls,
        shared.pull_calls,
        shared.re_pull_calls,
        shared.record_write_calls,
        shared.repeated_writes,
        shared.error_calls,
        shared.storm_calls,
        case
            when shared.counted_calls = 0 then 'not_seen'
            -- Nobody spends more, and it is a good part of all.
            when
                shared.call_share >= settings.main_consumer_share
                and shared.counted_calls = shared.most_calls
                then 'main_consumer'
            when shared.call_share >= settings.contributes_share or shared.storm_calls > 0
                then 'contributes'
            else 'cleared'
        end as verdict
    from shared
    cross join settings

)

select * from final
