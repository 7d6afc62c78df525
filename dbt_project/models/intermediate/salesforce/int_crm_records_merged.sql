-- Records that the CRM's people merged into others, with the one that each of them is in the end: a
-- master may have been merged since, too.
with recursive

merges as (

    select
        'Lead' as object,
        lead_id as salesforce_id,
        master_lead_id as master_id
    from {{ ref('stg_salesforce__leads') }}
    where master_lead_id is not null

    union all

    select
        'Contact' as object,
        contact_id as salesforce_id,
        master_contact_id as master_id
    from {{ ref('stg_salesforce__contacts') }}
    where master_contact_id is not null

    union all

    select
        'Account' as object,
        account_id as salesforce_id,
        master_account_id as master_id
    from {{ ref('stg_salesforce__accounts') }}
    where master_account_id is not null

),

-- The bound ends a circle, which no merge can make and a damaged file can.
chains as (

    select
        object,
        salesforce_id,
        master_id,
        1 as hops
    from merges

    union all

    select
        chains.object,
        chains.salesforce_id,
        merges.master_id,
        chains.hops + 1 as hops
    from chains
    inner join merges
        on
            chains.object = merges.object
            and chains.master_id = merges.salesforce_id
    where chains.hops < 50

),

final as (

    select
        object,
        salesforce_id,
        master_id
    from chains
    qualify row_number() over (
        partition by object, salesforce_id
        order by hops desc
    ) = 1

)

select * from final
