-- A warning, not a failure: money that landed and wasn't applied waits for `reconcile_claims`.
{{ config(severity = 'warn') }}

select
    bank_id,
    currency,
    unreconciled_cents
from {{ ref('mart_fee_tie_out') }}
where unreconciled_cents <> 0
