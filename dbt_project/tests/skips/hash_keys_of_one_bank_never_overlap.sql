-- Names the two keys that a bank would have on one day.
select
    earlier.bank_id,
    earlier.key_id as one_key_id,
    later.key_id as other_key_id
from {{ ref('bank_hash_keys') }} as earlier
inner join {{ ref('bank_hash_keys') }} as later
    on
        earlier.bank_id = later.bank_id
        and earlier.key_id < later.key_id
        and earlier.valid_from_date < coalesce(later.valid_to_date, date '9999-12-31')
        and later.valid_from_date < coalesce(earlier.valid_to_date, date '9999-12-31')
