-- Ids of the ledger that no person of tonight has any more, and whose person has which id now.
with

moves as (

    select
        ledger_person_id as from_person_id,
        person_id,
        count(*) as identifier_count
    from {{ ref('int_person_ids_assigned') }}
    where is_moved
    group by ledger_person_id, person_id

),

current_ids as (

    select distinct person_id
    from {{ ref('int_person_ids_assigned') }}

),

final as (

    select
        moves.from_person_id,
        moves.person_id
    from moves
    left join current_ids on moves.from_person_id = current_ids.person_id
    where current_ids.person_id is null
    qualify row_number() over (
        partition by moves.from_person_id
        order by moves.identifier_count desc, moves.person_id asc
    ) = 1

)

select * from final
