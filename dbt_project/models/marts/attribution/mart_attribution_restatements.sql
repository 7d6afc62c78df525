with

kept as (

    select * from {{ ref('int_published_restatements_kept') }}

),

found as (

    select
        *,
        build_night() as night
    from {{ ref('int_restatements_explained') }}

),

-- A night that is repeated with other data goes on from what it restated the first time.
merged as (

    select
        coalesce(kept.night, found.night) as night,
        coalesce(kept.conversion_id, found.conversion_id) as conversion_id,
        coalesce(kept.model, found.model) as model,
        coalesce(kept.channel, found.channel) as channel,
        coalesce(kept.currency, found.currency) as currency,
        coalesce(kept.before_weight, found.before_weight) as before_weight,
        coalesce(found.after_weight, kept.after_weight) as after_weight,
        coalesce(kept.before_revenue_cents, found.before_revenue_cents) as before_revenue_cents,
        coalesce(found.after_revenue_cents, kept.after_revenue_cents) as after_revenue_cents,
        coalesce(kept.reason, found.reason) as reason
    from kept
    full join found
        on
            kept.night = found.night
            and kept.conversion_id = found.conversion_id
            and kept.model = found.model
            and kept.channel = found.channel

),

final as (

    select
        night,
        conversion_id,
        model,
        channel,
        currency,
        before_weight,
        after_weight,
        before_revenue_cents,
        after_revenue_cents,
        reason
    from merged
    where before_weight <> after_weight or before_revenue_cents <> after_revenue_cents

)

select * from final
