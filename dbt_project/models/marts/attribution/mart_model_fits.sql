with

found as (

    select * from {{ ref('int_model_fit_channels') }}

),

-- The dates of a fit that has no fit before it, or none after it, are open.
fits as (

    select
        model_fit_id,
        attribution_model,
        training_start_date,
        training_end_date,
        data_sha256,
        credits_from_date,
        nullif(applies_from_date, cast('0001-01-01' as date)) as applies_from_date,
        nullif(applies_before_date, cast('9999-12-31' as date)) as applies_before_date,
        applies_from_date < applies_before_date as is_applied
    from {{ ref('int_model_fits_applied') }}

),

final as (

    select
        found.model_fit_id,
        fits.attribution_model as model,
        found.channel,
        fits.credits_from_date,
        fits.applies_from_date,
        fits.applies_before_date,
        fits.is_applied,
        fits.training_start_date,
        fits.training_end_date,
        found.journeys,
        found.conversions,
        found.persons,
        found.conversion_share,
        found.conversion_share_lower,
        found.conversion_share_upper,
        found.removal_effect,
        found.markov_order,
        found.replicates,
        found.seed,
        fits.data_sha256,
        fits.applies_before_date is null as is_current
    from found
    inner join fits on found.model_fit_id = fits.model_fit_id

)

select * from final
