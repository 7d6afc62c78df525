with

revenue_events as (

    select * from {{ ref('int_conversion_revenue_booked') }}

),

final as (

    select
        revenue_event_id,
        conversion_id,
        revenue_kind,
        booked_date,
        revenue_cents,
        currency
    from revenue_events

)

select * from final
