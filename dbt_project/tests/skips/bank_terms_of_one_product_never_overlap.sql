-- Names the two lines that overlap; an opening in both would owe two fees or none.
select
    earlier.bank_id,
    earlier.product_line,
    earlier.fee_kind,
    earlier.contract_version as one_contract_version,
    earlier.clause as one_clause,
    later.contract_version as other_contract_version,
    later.clause as other_clause
from {{ ref('bank_terms') }} as earlier
inner join {{ ref('bank_terms') }} as later
    on
        earlier.bank_id = later.bank_id
        and earlier.product_line = later.product_line
        and earlier.fee_kind = later.fee_kind
        and (
            earlier.valid_from_date < later.valid_from_date
            or (
                earlier.valid_from_date = later.valid_from_date
                and (earlier.contract_version, earlier.clause)
                < (later.contract_version, later.clause)
            )
        )
        and later.valid_from_date < coalesce(earlier.valid_to_date, date '9999-12-31')
