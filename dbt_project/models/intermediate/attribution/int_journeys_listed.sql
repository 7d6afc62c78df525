-- Journeys as their paths of channels: those that led to a conversion, and those that led to none.
with

touches as (

    select * from {{ ref('int_journey_touches_labelled') }}

),

paths as (

    select
        journey_id,
        min(conversion_id) as conversion_id,
        min(person_id) as person_id,
        max(touched_at) as last_touched_at,
        {{ ordered_list('channel_label', 'path_position', 'is_listed') }} as channel_path,
        {{ json_set('channel_label') }} as channel_set
    from touches
    group by journey_id

),

final as (

    select
        paths.journey_id,
        paths.conversion_id,
        conversions.product_line,
        paths.channel_path,
        paths.channel_set,
        '{{ var("reporting_currency") }}' as currency,
        coalesce(paths.person_id, conversions.person_id) as person_id,
        coalesce(conversions.converted_at, paths.last_touched_at) as ended_at,
        paths.conversion_id is not null as is_converted,
        cast({{ list_length('paths.channel_path') }} as integer) as path_length,
        cast(
            case
                when paths.conversion_id is null then 0
                when conversions.currency = '{{ var("reporting_currency") }}'
                    then conversions.revenue_cents
                else round(conversions.revenue_cents * fx_rates.rate)
            end as bigint
        ) as revenue_cents
    from paths
    left join {{ ref('int_conversions_unioned') }} as conversions
        on paths.conversion_id = conversions.conversion_id
    left join {{ ref('fx_rates') }} as fx_rates
        on
            {{ business_month('conversions.converted_at') }} = fx_rates.rate_date
            and conversions.currency = fx_rates.from_currency
            and fx_rates.to_currency = '{{ var("reporting_currency") }}'

)

select * from final
