-- The sets of channels that the fits of data-driven models must share a conversion among.
select distinct
    fits.attribution_model,
    fits.model_fit_id,
    journeys.channel_set
from {{ ref('int_journeys_listed') }} as journeys
inner join {{ ref('int_model_fits_applied') }} as fits
    on
        fits.applies_from_date <= {{ business_date('journeys.ended_at') }}
        and {{ business_date('journeys.ended_at') }} < fits.applies_before_date
where journeys.is_converted
