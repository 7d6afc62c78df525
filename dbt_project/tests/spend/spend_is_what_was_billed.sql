-- What is spent or still unallocated is what was billed, to the cent, by kind and currency.
with

bills as (

    select
        'media' as bill_kind,
        currency,
        cost_amount as bill_amount
    from {{ ref('stg_media__spend') }}

    union all

    select
        'list' as bill_kind,
        currency,
        price_amount as bill_amount
    from {{ ref('stg_media__list_purchases') }}

    union all

    select
        'program' as bill_kind,
        currency,
        cost_amount as bill_amount
    from {{ ref('stg_media__program_costs') }}

),

billed as (

    select
        bill_kind,
        currency,
        cast(sum(bill_amount) * 100 as bigint) as billed_cents
    from bills
    group by bill_kind, currency

),

allocated as (

    select
        currency,
        replace(spend_kind, '_unsent', '') as bill_kind,
        sum(spend_cents) as allocated_cents
    from {{ ref('int_spend_allocated') }}
    group by replace(spend_kind, '_unsent', ''), currency

)

select
    billed.billed_cents,
    allocated.allocated_cents,
    coalesce(billed.bill_kind, allocated.bill_kind) as bill_kind,
    coalesce(billed.currency, allocated.currency) as currency
from billed
full join allocated
    on
        billed.bill_kind = allocated.bill_kind
        and billed.currency = allocated.currency
where coalesce(billed.billed_cents, 0) <> coalesce(allocated.allocated_cents, 0)
