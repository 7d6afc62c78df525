with

source as (

    select * from {{ raw_rows('media', 'spots') }} as raw_rows
    -- A spot that was logged again counts as it was logged last.
    {{ current_by_key(['spot_id']) }}

),

renamed as (

    select
        spot_id,
        {{ clean_text('station') }} as station,
        upper({{ clean_text('country') }}) as country,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ try_cast('aired_local', 'timestamp') }} as aired_local,
        {{ clean_text('time_zone') }} as time_zone,
        {{ utc_of_wall_clock(
            try_cast('aired_local', 'timestamp'), clean_text('time_zone')
        ) }} as aired_at,
        {{ try_cast('length_seconds', 'integer') }} as length_seconds,
        lower({{ clean_text('daypart') }}) as daypart,
        {{ clean_text('program') }} as program_name,
        {{ try_cast('cost', 'decimal(18, 2)') }} as cost_amount,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
