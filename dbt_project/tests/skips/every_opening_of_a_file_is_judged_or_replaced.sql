-- Rows of a file that the bank counts = withheld by the gate + replaced by another row of the same
-- reference + eligible + refused + review + unmatched.
select
    bank_id,
    file_name,
    control_total,
    loaded_rows
from {{ ref('mart_opening_controls') }}
where
    loaded_rows <> repeated_rows + eligible + refused + review + unmatched
    or withheld_rows < 0
