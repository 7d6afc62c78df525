-- Records that the CRM's people merged into others, with the one that each of them is in the end: a
-- master may have been merged since, too. Each round doubles the length of chain that is followed.
{% set rounds = 5 %}

with

named_masters as (

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

{% for round in range(1, rounds + 1) %}
{% set before = 'named_masters' if round == 1 else 'followed_' ~ (round - 1) %}
followed_{{ round }} as (

    select
        merged.object,
        merged.salesforce_id,
        coalesce(masters.master_id, merged.master_id) as master_id
    from {{ before }} as merged
    left join {{ before }} as masters
        on
            merged.object = masters.object
            and merged.master_id = masters.salesforce_id

),
{% endfor %}

final as (

    select
        object,
        salesforce_id,
        master_id
    from followed_{{ rounds }}

)

select * from final
