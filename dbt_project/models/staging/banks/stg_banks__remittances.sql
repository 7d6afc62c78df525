-- Of a document that was sent again the newest file counts, and so it does in the ledger.
with

source as (
    {% for bank_source in var('answering_bank_sources') %}
    {% if not loop.first %}union all by name{% endif %}

    select
        *,
        '{{ bank_source | replace("bank_", "") }}' as bank_id
    from {{ raw_rows(bank_source, 'remittances') }} as raw_rows
    {% endfor %}

),

current_documents as (

    select *
    from source
    qualify rank() over (
        partition by bank_id, remittance_id
        order by _window_start desc, _file desc
    ) = 1

),

renamed as (

    select
        bank_id,
        remittance_id,
        line_number,
        {{ clean_text('claim_id') }} as claim_reference,
        {{ clean_text('reference') }} as bank_reference,
        {{ try_cast('amount', 'decimal(18, 6)') }} as line_amount,
        {{ try_cast('payment_amount', 'decimal(18, 6)') }} as payment_amount,
        {{ try_cast('paid_date', 'date') }} as paid_date,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _landed_at

    from current_documents

)

select * from renamed
