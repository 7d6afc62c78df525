with

candidates as (

    select * from {{ ref('int_skip_candidates_matched') }}

),

openings as (

    select * from {{ ref('stg_banks__openings') }}

),

final as (

    select
        candidates.bank_opening_id,
        openings.bank_id,
        candidates.person_id,
        cast(candidates.candidate_rank as integer) as candidate_rank,
        cast(candidates.match_tier as integer) as match_tier,
        candidates.match_method,
        cast(candidates.matched_methods as integer) as matched_methods,
        cast(candidates.match_probability as decimal(9, 6)) as match_probability,
        cast(candidates.times_likelier as decimal(12, 3)) as times_likelier,
        candidates.match_guard,
        candidates.comparison_detail,
        'skc_' || md5(candidates.bank_opening_id || '|' || candidates.person_id)
            as skip_candidate_id,
        candidates.candidate_rank = 1 as is_best
    from candidates
    inner join openings on candidates.bank_opening_id = openings.bank_opening_id

)

select * from final
