with

source as (

    select * from {{ raw_rows('ledger', 'model_fits') }} as raw_rows

),

renamed as (

    select
        model_fit_id,
        attribution_model,
        training_start_date,
        training_end_date,
        data_sha256,
        parameters_json,
        credits_from_date,
        fitted_at

    from source

)

select * from renamed
