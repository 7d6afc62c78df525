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
    calls,
    counted_calls,
    repeated_writes
from {{ ref('int_salesforce_api_calls_counted') }}
