with

openings as (

    select * from {{ ref('int_skip_openings_examined') }}

),

first_failures as (

    select
        failures.bank_opening_id,
        rules.code,
        rules.outcome
    from {{ ref('int_skip_rules_failed') }} as failures
    inner join {{ ref('skip_eligibility_rules') }} as rules
        on failures.code = rules.code
    qualify row_number() over (
        partition by failures.bank_opening_id
        order by rules.rule_order
    ) = 1

),

judged as (

    select
        openings.*,
        first_failures.code as ineligible_reason,
        case
            when openings.person_id is null then 'unmatched'
            else coalesce(first_failures.outcome, 'eligible')
        end as eligibility
    from openings
    left join first_failures on openings.bank_opening_id = first_failures.bank_opening_id

),

-- What is eligible or in review can be claimed; what was claimed earlier keeps its claim.
final as (

    select
        bank_opening_id,
        bank_id,
        person_id,
        product_line,
        opened_at,
        opened_date,
        is_date_only,
        is_existing_customer,
        match_method,
        first_touched_at,
        last_touched_at,
        eligibility,
        ineligible_reason,
        contract_version,
        clause,
        fee_kind,
        currency,
        claim_status,
        batch_id,
        landed_at,
        cast(match_probability as decimal(9, 6)) as match_probability,
        cast(candidates as integer) as candidates,
        cast(contacts_in_window as integer) as contacts_in_window,
        case
            when eligibility in ('eligible', 'review') or claim_status is not null then claim_id
        end as claim_id,
        case
            when eligibility in ('eligible', 'review') then cast(fee_cents as bigint)
        end as fee_cents
    from judged

)

select * from final
