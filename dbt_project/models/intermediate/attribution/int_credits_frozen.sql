-- Credits of conversions in closed months, as they were frozen; of conversions that still exist, by
-- whose they are today.
with

frozen as (

    select * from {{ ref('stg_ledger__closed_credits') }}

),

final as (

    select
        {% for column in frozen_credit_columns() %}
        frozen.{{ column }},
        {% endfor %}
        windows.conversion_number,
        windows.person_id
    from frozen
    inner join {{ ref('int_conversion_windows_set') }} as windows
        on frozen.conversion_id = windows.conversion_id

)

select * from final
