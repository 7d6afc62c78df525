with

source as (

    select * from {{ raw_rows('media', 'app_installs') }} as raw_rows
    {{ current_by_key(['date', 'platform', 'campaign_code']) }}

),

renamed as (

    select
        {{ try_cast('date', 'date') }} as install_date,
        lower({{ clean_text('platform') }}) as platform,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ try_cast('installs', 'bigint') }} as installs,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
