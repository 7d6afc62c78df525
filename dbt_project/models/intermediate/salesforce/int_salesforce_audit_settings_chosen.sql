select
    main_consumer_share,
    contributes_share,
    storm_min_errors,
    storm_error_share,
    poll_min_hours,
    poll_min_calls_an_hour,
    spike_min_calls,
    forecast_days
from {{ ref('salesforce_audit_settings') }}
where world in ('*', '{{ var("world") }}')
order by case when world = '*' then 1 else 0 end
limit 1
