with

source as (

    select * from {{ closed_rows('credits', frozen_credit_columns()) }} as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
