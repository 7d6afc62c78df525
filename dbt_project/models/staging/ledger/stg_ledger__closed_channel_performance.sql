with

source as (

    select * from {{ closed_rows('channel_performance', performance_types('channel')) }}
        as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
