with

source as (

    select * from {{ raw_rows('media', 'program_costs') }} as raw_rows
    {{ current_by_key(['program_cost_id']) }}

),

renamed as (

    select
        program_cost_id,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ try_cast('period_month', 'date') }} as period_month,
        {{ try_cast('cost', 'decimal(18, 2)') }} as cost_amount,
        upper({{ clean_text('currency') }}) as currency,
        {{ clean_text('note') }} as note,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
