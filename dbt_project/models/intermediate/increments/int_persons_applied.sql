{{ config(pre_hook="{{ require_all_increments() }}") }}

-- The numbers that all incremental tables show now: made after the last of them.
-- depends_on: {{ ref('int_persons_dirty') }}
-- depends_on: {{ ref('int_credits_computed') }}
-- depends_on: {{ ref('fct_attribution') }}
-- depends_on: {{ ref('fct_touchpoints') }}
select
    person_id,
    fingerprint,
    '{{ invocation_id }}' as build_id
from {{ ref('int_persons_fingerprinted') }}
