-- Of a document that was sent again the newest file counts, and so it does in the ledger.
with

source as (
    {% for bank_source in var('answering_bank_sources') %}
    {% if not loop.first %}union all by name{% endif %}

    select
        *,
        '{{ bank_source | replace("bank_", "") }}' as bank_id
    from {{ raw_rows(bank_source, 'statements') }} as raw_rows
    {% endfor %}

),

current_documents as (

    select *
    from source
    qualify rank() over (
        partition by bank_id, statement_id
        order by _window_start desc, _file desc
    ) = 1

),

renamed as (

    select
        bank_id,
        statement_id,
        line_number,
        {{ clean_text('claim_id') }} as claim_reference,
        {{ clean_text('reference') }} as bank_reference,
        {{ clean_text('status') }} as claim_word,
        {{ try_cast('amount', 'decimal(18, 6)') }} as stated_amount,
        {{ clean_text('reason_code') }} as reason_code,
        {{ try_cast('statement_date', 'date') }} as statement_date,
        upper({{ clean_text('currency') }}) as currency,
        _batch_id,
        _landed_at

    from current_documents

)

select * from renamed
