with

source as (

    select * from {{ raw_rows('salesforce', 'api_usage') }} as raw_rows

),

renamed as (

    select
        cast({{ try_cast('CALL_HOUR', 'timestamp') }} as date) as log_date,
        cast(extract(hour from {{ try_cast('CALL_HOUR', 'timestamp') }}) as integer)
            as hour_of_day,
        {{ clean_text('USER_ID') }} as user_id,
        {{ clean_text('CONNECTED_APP_NAME') }} as connected_app_name,
        {{ clean_text('CLIENT_NAME') }} as client_name,
        coalesce({{ clean_text('API_FAMILY') }}, 'not told') as api_family,
        coalesce(upper({{ clean_text('HTTP_METHOD') }}), 'not told') as http_method,
        -- The name of one object; a call may touch none or several.
        case
            when {{ clean_text('ENTITY_NAME') }} is null then 'none'
            when regexp_matches(trim(entity_name), '^[A-Za-z][A-Za-z0-9_]*$')
                then trim(entity_name)
            else 'several'
        end as object_name,
        {{ salesforce_resource(clean_text('API_RESOURCE')) }} as api_resource,
        -- What tells one record from another; it stays in this layer, since it may be a key.
        {{ clean_text('API_RESOURCE') }} as resource_path,
        coalesce({{ try_cast('STATUS_CODE', 'integer') }}, 0) as status_code,
        coalesce({{ try_cast('COUNTS_AGAINST_API_LIMIT', 'boolean') }}, true) as is_counted,
        {{ try_cast('CALLS', 'bigint') }} as calls

    from source

)

select * from renamed
