-- A person keeps the id that the ledger gave first; only identifiers that the ledger hasn't seen
-- are new to it, so repeating a night or merging and splitting persons changes no ledger row.
with

members as (

    select
        components.component_key,
        identifiers.identifier_key,
        identifiers.identifier_hmac
    from {{ ref('int_identity_components') }} as components
    inner join {{ ref('int_identifiers_collected') }} as identifiers
        on components.identifier_key = identifiers.identifier_key

),

ledger_ids as (

    select
        identifier_hmac,
        person_id,
        assigned_night
    from {{ ref('stg_ledger__person_ids') }}

),

-- Every id of the ledger is kept by exactly one component: the one with the identifier from which
-- it was made, else the one with most of its identifiers.
id_owners as (

    select
        ledger_ids.person_id,
        members.component_key
    from members
    inner join ledger_ids on members.identifier_hmac = ledger_ids.identifier_hmac
    group by ledger_ids.person_id, members.component_key
    qualify row_number() over (
        partition by ledger_ids.person_id
        order by
            max(
                case
                    when ledger_ids.person_id = {{ person_id_of('members.identifier_hmac') }} then 1
                    else 0
                end
            ) desc,
            count(*) desc,
            members.component_key
    ) = 1

),

first_nights as (

    select
        person_id,
        min(assigned_night) as assigned_night
    from ledger_ids
    group by person_id

),

-- A component that keeps several ids was merged: the earliest assigned one stays.
kept_ids as (

    select
        id_owners.component_key,
        id_owners.person_id
    from id_owners
    inner join first_nights on id_owners.person_id = first_nights.person_id
    qualify row_number() over (
        partition by id_owners.component_key
        order by first_nights.assigned_night, id_owners.person_id
    ) = 1

),

new_ids as (

    select
        members.component_key,
        case
            when first_nights.person_id is null
                then {{ person_id_of('members.identifier_hmac') }}
            -- The id is with another component since a split.
            else {{ person_id_of(pseudonym("members.identifier_key || ' after a split'")) }}
        end as person_id
    from members
    left join kept_ids on members.component_key = kept_ids.component_key
    left join first_nights
        on {{ person_id_of('members.identifier_hmac') }} = first_nights.person_id
    where
        members.identifier_key = members.component_key
        and kept_ids.component_key is null

),

final as (

    select
        members.identifier_key,
        members.identifier_hmac,
        members.component_key,
        ledger_ids.person_id as ledger_person_id,
        coalesce(kept_ids.person_id, new_ids.person_id) as person_id,
        ledger_ids.person_id is null as is_new,
        coalesce(
            ledger_ids.person_id <> coalesce(kept_ids.person_id, new_ids.person_id), false
        ) as is_moved
    from members
    left join kept_ids on members.component_key = kept_ids.component_key
    left join new_ids on members.component_key = new_ids.component_key
    left join ledger_ids on members.identifier_hmac = ledger_ids.identifier_hmac

)

select * from final
