with

source as (

    select * from {{ raw_rows('ledger', 'fee_entries') }} as raw_rows

),

renamed as (

    select
        id as fee_entry_id,
        bank_id,
        claim_id,
        document_id,
        line_number,
        kind as entry_kind,
        cents as entry_cents,
        currency,
        entered_at,
        _landed_at,
        -- What a bank paid is booked on its value date, all else on the day it was entered.
        coalesce(booked_date, {{ business_date('entered_at') }}) as booked_date

    from source

)

select * from renamed
