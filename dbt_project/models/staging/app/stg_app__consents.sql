with

source as (

    select * from {{ raw_rows('app', 'consents') }} as raw_rows
    {{ first_by_key(['consent_event_id']) }}

),

renamed as (

    select
        consent_event_id,
        {{ clean_text('app_user_id') }} as app_user_id,
        {{ normalised_email('email') }} as email,
        lower({{ clean_text('channel') }}) as channel,
        lower({{ clean_text('state') }}) as consent_state,
        {{ try_cast('changed_at', 'timestamp') }} as changed_at,
        {{ clean_text('source') }} as consent_source,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
