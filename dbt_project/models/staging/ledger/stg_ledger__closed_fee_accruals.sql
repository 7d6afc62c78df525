with

source as (

    select * from {{ closed_rows('fee_accruals', fee_accrual_columns()) }} as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
