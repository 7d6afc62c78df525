with

closed_months as (

    select * from {{ ref('closed_months') }}

),

final as (

    select
        month,
        closed_date,
        reason
    from closed_months

)

select * from final
