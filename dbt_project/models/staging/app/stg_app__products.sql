with

source as (

    select * from {{ raw_rows('app', 'products') }} as raw_rows
    {{ first_by_key(['ledger_entry_id']) }}

),

renamed as (

    select
        ledger_entry_id,
        {{ clean_text('entry_type') }} as entry_type,
        {{ clean_text('account_id') }} as account_id,
        {{ clean_text('app_user_id') }} as app_user_id,
        {{ clean_text('product_line') }} as product_line,
        regexp_replace({{ clean_text('bank_id') }}, '^bank_', '') as bank_id,
        {{ try_cast('occurred_at', 'timestamp') }} as occurred_at,
        {{ try_cast('booked_date', 'date') }} as booked_date,
        {{ try_cast('amount', 'decimal(18, 2)') }} as booked_amount,
        upper({{ clean_text('currency') }}) as currency,
        {{ try_cast('application_started_at', 'timestamp') }} as application_started_at,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
