with

source as (

    select * from {{ raw_rows('web_forms', 'submissions') }} as raw_rows
    {{ current_by_key(['submission_id']) }}

),

renamed as (

    select
        submission_id,
        {{ try_cast('submitted_at', 'timestamp') }} as submitted_at,
        {{ clean_text('form_name') }} as form_name,
        {{ normalised_email('email') }} as email,
        {{ clean_text('phone') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('postal_code') }} as postal_code,
        upper({{ clean_text('country') }}) as country,
        {{ clean_text('lead_source') }} as lead_source,
        {{ clean_text('lead_comment') }} as lead_comment,
        {{ clean_text('web_client_id') }} as web_client_id,
        coalesce({{ try_cast('marketing_consent', 'boolean') }}, false) as has_marketing_consent,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
