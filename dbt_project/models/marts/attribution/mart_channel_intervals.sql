with

intervals as (

    select * from {{ ref('int_channel_intervals_estimated') }}

),

final as (

    select
        channel,
        attribution_model as model,
        conversions,
        conversion_share,
        conversion_share_lower,
        conversion_share_upper,
        revenue_reporting_cents,
        revenue_share,
        revenue_share_lower,
        revenue_share_upper,
        '{{ var("reporting_currency") }}' as reporting_currency,
        persons,
        replicates,
        seed,
        interval_level
    from intervals

)

select * from final
