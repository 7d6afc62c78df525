with

source as (

    select * from {{ raw_rows('salesforce', 'api_allowance') }} as raw_rows

),

renamed as (

    select
        {{ try_cast('OBSERVED_DATE', 'date') }} as observed_date,
        {{ try_cast('MAX_CALLS', 'bigint') }} as max_calls

    from source

)

select * from renamed
