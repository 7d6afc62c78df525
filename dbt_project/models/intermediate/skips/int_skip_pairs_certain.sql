-- Openings and persons that have a key in common, each way.
with

opening_keys as (

    select
        side_id as bank_opening_id,
        match_method,
        match_key
    from {{ ref('int_skip_keys_collected') }}
    where side = 'opening'

),

person_keys as (

    select
        side_id as person_id,
        match_method,
        match_key
    from {{ ref('int_skip_keys_collected') }}
    where side = 'person'

),

final as (

    select distinct
        opening_keys.bank_opening_id,
        person_keys.person_id,
        opening_keys.match_method
    from opening_keys
    inner join person_keys
        on
            opening_keys.match_method = person_keys.match_method
            and opening_keys.match_key = person_keys.match_key

)

select * from final
