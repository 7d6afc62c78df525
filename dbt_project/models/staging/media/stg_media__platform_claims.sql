with

source as (

    select * from {{ raw_rows('media', 'platform_claims') }} as raw_rows
    -- Platforms correct their count of a day for weeks; the newest report of it counts.
    {{ current_by_key(['date', 'platform', 'campaign_code', 'window_days']) }}

),

renamed as (

    select
        {{ try_cast('date', 'date') }} as claim_date,
        lower({{ clean_text('platform') }}) as platform,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ try_cast('claimed_conversions', 'decimal(18, 6)') }} as claimed_conversions,
        {{ try_cast('claimed_value', 'decimal(18, 2)') }} as claimed_value_amount,
        upper({{ clean_text('currency') }}) as currency,
        {{ try_cast('window_days', 'integer') }} as window_days,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
