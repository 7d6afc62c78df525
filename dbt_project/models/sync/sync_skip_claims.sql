-- Claims against partner banks, for whoever speaks with them: what is claimed and what is open.
-- Nothing of the person: who was brought stays in the evidence packs.
with

claims as (

    select * from {{ ref('int_claims_valued') }}
    where issued_at is not null

),

final as (

    select
        'Touchproof_Skip_Claim__c' as object,
        'claim:' || claim_id as record_key,
        cast(null as varchar) as salesforce_id,
        'upsert' as operation,
        true as is_creation,
        cast(null as varchar) as person_id,
        true as may_market,
        claim_id as "Claim_Number__c",
        bank_id as "Bank__c",
        product_line as "Product__c",
        claim_status as "State__c",
        {{ canonical_number('owed_cents * 0.01', 2) }} as "Fee__c",
        -- What the bank hasn't paid of it; over is over.
        {{ canonical_number("case
            when claim_status in ('accepted', 'part_paid')
                then coalesce(accepted_cents, 0) - coalesce(paid_cents, 0)
            when claim_status in ('issued', 'disputed') then owed_cents - coalesce(paid_cents, 0)
            else 0
        end * 0.01", 2) }} as "Owed__c",
        currency as "Currency__c",
        cast({{ business_date('issued_at') }} as varchar) as "Issued_Date__c"
    from claims

)

select * from final
