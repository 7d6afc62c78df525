with

source as (

    select * from {{ closed_rows('campaign_performance', performance_types('campaign_id')) }}
        as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
