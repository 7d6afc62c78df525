with

source as (

    select * from {{ raw_rows('media', 'spend') }} as raw_rows
    -- A later delivery replaces an earlier one's rows; rows of one file are all kept.
    qualify rank() over (
        partition by date, platform, campaign_code, ad_group
        order by _window_end desc, _landed_at desc, _file desc
    ) = 1

),

renamed as (

    select
        {{ try_cast('date', 'date') }} as spend_date,
        lower({{ clean_text('platform') }}) as platform,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ clean_text('campaign_name') }} as campaign_name,
        {{ clean_text('ad_group') }} as ad_group,
        {{ try_cast('impressions', 'bigint') }} as impressions,
        {{ try_cast('clicks', 'bigint') }} as clicks,
        {{ try_cast('cost', 'decimal(18, 2)') }} as cost_amount,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _window_end,
        _landed_at,
        _file,
        _row

    from source

)

select * from renamed
