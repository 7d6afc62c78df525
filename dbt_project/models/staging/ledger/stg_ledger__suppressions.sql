with

source as (

    select * from {{ raw_rows('ledger', 'suppressions') }} as raw_rows

),

renamed as (

    select
        identifier_hmac,
        channel,
        suppressed_at,
        reason as suppression_reason

    from source

)

select * from renamed
