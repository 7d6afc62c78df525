with

shares as (

    select * from {{ ref('int_data_driven_shares') }}

),

final as (

    select
        attribution_model as model,
        model_fit_id,
        channel_set,
        channel,
        share_units
    from shares

)

select * from final
