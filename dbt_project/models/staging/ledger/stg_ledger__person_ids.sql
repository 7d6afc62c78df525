with

source as (

    select * from {{ raw_rows('ledger', 'person_ids') }} as raw_rows

),

renamed as (

    select
        identifier_hmac,
        person_id,
        assigned_night

    from source

)

select * from renamed
