with

journeys as (

    select * from {{ ref('int_journeys_listed') }}

),

final as (

    select
        journey_id,
        person_id,
        conversion_id,
        product_line,
        ended_at,
        is_converted,
        channel_path,
        channel_set,
        path_length,
        revenue_cents,
        currency
    from journeys

)

select * from final
