with

source as (

    select * from {{ raw_rows('app', 'registrations') }} as raw_rows
    {{ current_by_key(['registration_id']) }}

),

renamed as (

    select
        registration_id,
        {{ clean_text('app_user_id') }} as app_user_id,
        {{ try_cast('registered_at', 'timestamp') }} as registered_at,
        {{ normalised_email('email') }} as email,
        {{ clean_text('phone') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ try_cast('birth_date', 'date') }} as birth_date,
        {{ clean_text('postal_code') }} as postal_code,
        upper({{ clean_text('country') }}) as country,
        {{ clean_text('lead_source') }} as lead_source,
        {{ clean_text('lead_comment') }} as lead_comment,
        {{ clean_text('install_id') }} as install_id,
        {{ clean_text('web_client_id') }} as web_client_id,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
