with

source as (

    select * from {{ raw_rows('media', 'list_purchases') }} as raw_rows
    {{ current_by_key(['list_purchase_id']) }}

),

renamed as (

    select
        list_purchase_id,
        {{ clean_text('list_id') }} as list_id,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ clean_text('vendor') }} as vendor,
        {{ try_cast('purchased_on', 'date') }} as purchased_date,
        {{ try_cast('address_count', 'bigint') }} as address_count,
        {{ try_cast('planned_sends', 'bigint') }} as planned_sends,
        {{ try_cast('price', 'decimal(18, 2)') }} as price_amount,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
