with

source as (

    select * from {{ closed_rows('campaign_credits', booked_credit_columns('campaign_id')) }}
        as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
