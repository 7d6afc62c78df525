-- Every consortium bank's openings in one shape; a new bank is a mapping file and a line in the
-- variable `bank_sources`.
with

source as (
    {% for bank_source in var('bank_sources') %}
    {% if not loop.first %}union all by name{% endif %}

    select
        *,
        '{{ bank_source | replace("bank_", "") }}' as bank_id
    from {{ raw_rows(bank_source, 'openings') }} as raw_rows
    {% endfor %}

),

current_openings as (

    select * from source
    {{ current_by_key(['bank_id', 'reference']) }}

),

renamed as (

    select
        bank_id || ':' || reference as bank_opening_id,
        bank_id,
        reference,
        {{ clean_text('product_line') }} as product_line,
        -- A bank that gives a date only opened at some moment of that business day: its start.
        case
            when {{ try_cast('is_date_only', 'boolean') }}
                then {{ business_day_start(try_cast('opened_at', 'date')) }}
            else {{ try_cast('opened_at', 'timestamp') }}
        end as opened_at,
        case
            when {{ try_cast('is_date_only', 'boolean') }}
                then {{ try_cast('opened_at', 'date') }}
            else {{ business_date(try_cast('opened_at', 'timestamp')) }}
        end as opened_date,
        coalesce({{ try_cast('is_date_only', 'boolean') }}, false) as is_date_only,
        {{ normalised_email('email') }} as email_normalised,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ try_cast('birth_date', 'date') }} as birth_date,
        {{ clean_text('postal_code') }} as postal_code,
        {{ clean_text('phone') }} as phone,
        {{ clean_text('email_hash') }} as email_hash,
        {{ clean_text('phone_hash') }} as phone_hash,
        {{ clean_text('hash_key_id') }} as hash_key_id,
        {{ clean_text('matched_row_id') }} as matched_row_id,
        {{ clean_text('referral_token') }} as referral_token,
        {{ try_cast('existing_customer', 'boolean') }} as is_existing_customer,
        {{ try_cast('balance', 'decimal(18, 2)') }} as opening_balance_amount,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _file as file_name,
        _window_end,
        _landed_at

    from current_openings

)

select * from renamed
