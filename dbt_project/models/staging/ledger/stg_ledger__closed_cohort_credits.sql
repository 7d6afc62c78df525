with

source as (

    select * from {{ closed_rows('cohort_credits', cohort_credit_columns()) }} as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
