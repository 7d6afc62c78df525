{% set models = attribution_models() %}
{% set fits = data_driven_models() %}

-- What this night says differently about the credits of a conversion, by model and channel, with
-- the first reason that holds.
with

restated as (

    select * from {{ ref('int_conversions_restated') }}

),

conversions as (

    select
        conversions.conversion_id,
        conversions.person_id,
        conversions.currency,
        conversions.converted_at
    from {{ ref('int_conversions_unioned') }} as conversions
    inner join restated on conversions.conversion_id = restated.conversion_id

),

published_credits as (

    select * from {{ ref('int_published_credits_kept') }}

),

night_credits as (

    select credits.*
    from {{ credits_of_the_night() }} as credits
    inner join restated on credits.conversion_id = restated.conversion_id

),

-- A model that the published night didn't have restates nothing.
before_rows as (

    select * from {{ one_row_a_model(
        'published_credits', ['conversion_id', 'touchpoint_id', 'channel'],
        ['units', 'revenue_cents']
    ) }} as model_rows
    where units is not null

),

after_rows as (

    select
        night_rows.conversion_id,
        night_rows.touchpoint_id,
        night_rows.channel,
        night_rows.units,
        night_rows.revenue_cents,
        night_rows.model
    from {{ one_row_a_model(
        'night_credits', ['conversion_id', 'touchpoint_id', 'channel'],
        ['units', 'revenue_cents']
    ) }} as night_rows
    where night_rows.model in (select before_rows.model from before_rows)

),

both_sides as (

    select
        conversion_id,
        touchpoint_id,
        channel,
        model,
        units as before_units,
        revenue_cents as before_cents,
        0 as after_units,
        0 as after_cents
    from before_rows

    union all

    select
        conversion_id,
        touchpoint_id,
        channel,
        model,
        0 as before_units,
        0 as before_cents,
        units as after_units,
        revenue_cents as after_cents
    from after_rows

),

changes as (

    select
        conversion_id,
        model,
        channel,
        cast(sum(before_units) as bigint) as before_units,
        cast(sum(after_units) as bigint) as after_units,
        cast(sum(before_cents) as bigint) as before_revenue_cents,
        cast(sum(after_cents) as bigint) as after_revenue_cents
    from both_sides
    group by conversion_id, model, channel
    having
        sum(before_units) <> sum(after_units)
        or sum(before_cents) <> sum(after_cents)

),

touch_changes as (

    select
        conversion_id,
        model,
        sum(before_units) <> sum(after_units) as is_changed,
        sum(before_cents) as before_cents,
        sum(after_cents) as after_cents
    from both_sides
    group by conversion_id, model, touchpoint_id

),

model_changes as (

    select
        conversion_id,
        model,
        max(case when is_changed then 1 else 0 end) = 1 as has_other_weights,
        sum(before_cents) as before_cents,
        sum(after_cents) as after_cents
    from touch_changes
    group by conversion_id, model

),

-- A touch of either path, as it was and as it is.
path_touches as (

    select distinct
        both_sides.conversion_id,
        both_sides.touchpoint_id
    from both_sides
    where both_sides.touchpoint_id is not null

),

touches as (

    select
        path_touches.conversion_id,
        published.touchpoint_id is not null as was_known,
        current_touches.touchpoint_id is not null as is_known,
        coalesce(current_touches.interaction, published.interaction) = 'inferred' as is_inferred,
        coalesce(current_touches.person_id, '') <> coalesce(published.person_id, '')
            as has_other_person,
        current_touches.touch_weight <> published.touch_weight as has_other_weight,
        coalesce(current_touches.channel, '') <> coalesce(published.channel, '')
        or current_touches.is_earning <> published.is_earning as has_other_class
    from path_touches
    left join {{ ref('int_published_touches_kept') }} as published
        on path_touches.touchpoint_id = published.touchpoint_id
    left join {{ ref('int_touchpoints_unioned') }} as current_touches
        on path_touches.touchpoint_id = current_touches.touchpoint_id

),

conversion_evidence as (

    select
        restated.conversion_id,
        'conversion_gone' as reason
    from restated
    left join conversions on restated.conversion_id = conversions.conversion_id
    where conversions.conversion_id is null

    union

    select
        conversion_id,
        case
            when is_inferred and was_known <> is_known then 'tv_lift_changed'
            when not was_known then 'late_touch'
            when not is_known then 'touch_withdrawn'
        end as reason
    from touches
    where was_known <> is_known

    union

    select
        conversion_id,
        'person_merged' as reason
    from touches
    where was_known and is_known and has_other_person

    union

    select
        conversions.conversion_id,
        'person_merged' as reason
    from conversions
    inner join published_credits on conversions.conversion_id = published_credits.conversion_id
    where conversions.person_id <> published_credits.person_id

    union

    select
        conversion_id,
        'tv_lift_changed' as reason
    from touches
    where was_known and is_known and has_other_weight

    union

    select
        conversion_id,
        'touch_reclassified' as reason
    from touches
    where was_known and is_known and has_other_class

    union

    select
        conversions.conversion_id,
        'late_conversion' as reason
    from conversions
    inner join {{ ref('int_conversions_unioned') }} as earlier
        on
            conversions.person_id = earlier.person_id
            and conversions.converted_at > earlier.converted_at
    left join {{ ref('int_published_conversions_kept') }} as known_conversions
        on earlier.conversion_id = known_conversions.conversion_id
    where known_conversions.conversion_id is null

    union

    select
        restated.conversion_id,
        'settings_changed' as reason
    from restated
    cross join {{ ref('int_published_settings_compared') }} as compared
    where compared.is_changed

    union

    select
        conversion_id,
        'other' as reason
    from restated

),

model_evidence as (

    select
        conversion_id,
        model,
        case when after_cents < before_cents then 'claw_back' else 'accrual' end as reason
    from model_changes
    where after_cents <> before_cents and not has_other_weights
    {% for fit in fits %}

    union

    select
        published_credits.conversion_id,
        '{{ fit }}' as model,
        'new_fit' as reason
    from published_credits
    inner join {{ ref('int_conversion_fits_chosen') }} as night_fits
        on published_credits.conversion_id = night_fits.conversion_id
    where published_credits.{{ fit }}_fit_id <> night_fits.{{ fit }}_fit_id
    {% endfor %}

),

explained as (

    select
        changes.conversion_id,
        changes.model,
        changes.channel,
        min_by(reasons.reason, reasons.rule_number) as reason
    from changes
    left join conversion_evidence on changes.conversion_id = conversion_evidence.conversion_id
    left join model_evidence
        on
            changes.conversion_id = model_evidence.conversion_id
            and changes.model = model_evidence.model
    inner join {{ ref('restatement_reasons') }} as reasons
        on reasons.reason in (conversion_evidence.reason, model_evidence.reason)
    group by changes.conversion_id, changes.model, changes.channel

),

currencies as (

    select
        conversion_id,
        max(currency) as currency
    from published_credits
    group by conversion_id

),

final as (

    select
        changes.conversion_id,
        changes.model,
        changes.channel,
        coalesce(conversions.currency, currencies.currency) as currency,
        {{ weight_from_units('changes.before_units') }} as before_weight,
        {{ weight_from_units('changes.after_units') }} as after_weight,
        changes.before_revenue_cents,
        changes.after_revenue_cents,
        explained.reason
    from changes
    inner join explained
        on
            changes.conversion_id = explained.conversion_id
            and changes.model = explained.model
            and changes.channel = explained.channel
    left join conversions on changes.conversion_id = conversions.conversion_id
    left join currencies on changes.conversion_id = currencies.conversion_id

)

select * from final
