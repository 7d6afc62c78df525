with

source as (

    select * from {{ closed_rows('campaign_cohorts', cohort_types()) }} as frozen_rows

),

renamed as (

    select *
    from source

)

select * from renamed
