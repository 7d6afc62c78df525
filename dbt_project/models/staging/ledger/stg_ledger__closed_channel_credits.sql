with

source as (

    select * from {{ closed_rows('channel_credits', booked_credit_columns('channel')) }}
        as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
