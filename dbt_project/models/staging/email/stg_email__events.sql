with

source as (

    select * from {{ raw_rows('email', 'events') }} as raw_rows
    {{ first_by_key(['event_id']) }}

),

renamed as (

    select
        event_id,
        {{ normalised_email('email') }} as email,
        {{ timestamp_from_unix('occurred_at_unix') }} as occurred_at,
        lower(event) as event_type,
        {{ clean_text('message_id') }} as message_id,
        {{ clean_text('campaign_code') }} as campaign_code,
        {{ clean_text('list_id') }} as list_id,
        {{ clean_text('recipient_id') }} as recipient_id,
        {{ clean_text('url') }} as url,
        {{ clean_text('reason') }} as reason,
        {{ clean_text('type') }} as bounce_type,
        {{ clean_text('status') }} as status_code,
        {{ clean_text('response') }} as response,
        lower({{ clean_text('category') }}) as category,
        coalesce({{ try_cast('is_machine_open', 'boolean') }}, false) as is_machine_open,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
