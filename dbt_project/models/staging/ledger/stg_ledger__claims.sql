with

source as (

    select * from {{ raw_rows('ledger', 'claims') }} as raw_rows

),

renamed as (

    select
        claim_id,
        bank_id,
        bank_opening_id,
        person_id,
        product_line,
        opened_at,
        fee_kind,
        status as claim_status,
        fee_cents,
        accepted_cents,
        paid_cents,
        currency,
        issued_at,
        accepted_at,
        status_at,
        _window_start as as_of_date

    from source

)

select * from renamed
