-- Every person who may have opened an account; the surest method of each pair counts.
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

matched as (

    select
        opening_keys.bank_opening_id,
        person_keys.person_id,
        methods.match_tier,
        methods.match_method,
        methods.match_probability
    from opening_keys
    inner join person_keys
        on
            opening_keys.match_method = person_keys.match_method
            and opening_keys.match_key = person_keys.match_key
    inner join {{ ref('skip_match_methods') }} as methods
        on opening_keys.match_method = methods.match_method

),

pairs as (

    select
        bank_opening_id,
        person_id,
        match_tier,
        match_method,
        match_probability,
        count(*) over (partition by bank_opening_id, person_id) as matched_methods
    from matched
    qualify row_number() over (
        partition by bank_opening_id, person_id
        order by match_tier
    ) = 1

),

-- Of two persons in the same tier the one with more methods is the better candidate.
final as (

    select
        bank_opening_id,
        person_id,
        match_tier,
        match_method,
        match_probability,
        matched_methods,
        row_number() over (
            partition by bank_opening_id
            order by match_tier asc, matched_methods desc, person_id asc
        ) as candidate_rank,
        count(*) over (partition by bank_opening_id) as candidates,
        count(*) over (
            partition by bank_opening_id, match_tier, matched_methods
        ) as equal_candidates
    from pairs

)

select * from final
