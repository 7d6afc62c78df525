with

final as (

    select
        assigned.person_id,
        identifiers.identifier_type,
        identifiers.identifier,
        identifiers.identifier_hmac,
        identifiers.first_seen_at
    from {{ ref('int_person_ids_assigned') }} as assigned
    inner join {{ ref('int_identifiers_collected') }} as identifiers
        on assigned.identifier_key = identifiers.identifier_key

)

select * from final
