with

source as (

    select * from {{ raw_rows('ga4', 'events') }} as raw_rows
    {{ first_by_key([
        'user_pseudo_id',
        'event_timestamp',
        'event_name',
        'batch_page_id',
        'batch_ordering_id',
        'batch_event_index'
    ]) }}

),

renamed as (

    select
        event_timestamp,
        {{ timestamp_from_micros('event_timestamp') }} as event_at,
        event_date as property_date_text,
        event_name,
        nullif(user_pseudo_id, '') as user_pseudo_id,
        nullif(user_id, '') as app_user_id,
        {{ ga4_param('ga_session_id', 'int_value') }} as ga_session_id,
        {{ ga4_param('ga_session_number', 'int_value') }} as ga_session_number,
        {{ ga4_param('recipient_id', 'string_value') }} as recipient_id,
        {{ ga4_param('referral_token', 'string_value') }} as referral_token,
        {{ ga4_param('campaign_code', 'string_value') }} as message_campaign_code,
        {{ ga4_param('submission_id', 'string_value') }} as submission_id,
        {{ ga4_param('bank_id', 'string_value') }} as referred_bank_id,
        {{ ga4_param('page_location', 'string_value') }} as page_location,
        {{ ga4_param('page_referrer', 'string_value') }} as page_referrer,
        collected_traffic_source['manual_campaign_id'] as campaign_code,
        collected_traffic_source['manual_campaign_name'] as campaign_name,
        nullif(lower(trim(collected_traffic_source['manual_source'])), '') as traffic_source,
        nullif(lower(trim(collected_traffic_source['manual_medium'])), '') as traffic_medium,
        collected_traffic_source['manual_term'] as traffic_term,
        collected_traffic_source['manual_content'] as traffic_content,
        collected_traffic_source['gclid'] is not null as has_gclid,
        {{ ga4_verdict('campaign_id') }} as verdict_campaign_code,
        {{ ga4_verdict('source') }} as verdict_source,
        {{ ga4_verdict('medium') }} as verdict_medium,
        session_traffic_source_last_click['cross_channel_campaign']['default_channel_group']
            as verdict_channel_group,
        device['category'] as device_category,
        geo['country'] as country,
        geo['region'] as region,
        platform,
        stream_id,
        privacy_info['analytics_storage'] as analytics_storage,
        batch_page_id,
        batch_ordering_id,
        batch_event_index,
        _batch_id,
        _window_end,
        _landed_at,
        _file,
        _row

    from source

)

select * from renamed
