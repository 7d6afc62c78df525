with

source as (

    select * from {{ closed_rows('periods', {'month': 'date', 'closed_night': 'date'}) }}
        as frozen_rows

),

renamed as (

    select
        month,
        closed_night
    from source

)

select * from renamed
