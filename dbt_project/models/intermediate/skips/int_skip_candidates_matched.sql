-- Every person who may have opened an account, by the surest method of each pair; whoever certainly
-- is somebody else, and whoever is less likely than the bank's threshold for review, is none.
with

certain as (

    select
        pairs.bank_opening_id,
        pairs.person_id,
        methods.match_tier,
        methods.match_method,
        methods.match_probability as method_probability,
        count(*) over (partition by pairs.bank_opening_id, pairs.person_id) as matched_methods
    from {{ ref('int_skip_pairs_certain') }} as pairs
    inner join {{ ref('skip_match_methods') }} as methods
        on pairs.match_method = methods.match_method
    qualify row_number() over (
        partition by pairs.bank_opening_id, pairs.person_id
        order by methods.match_tier asc, methods.match_probability desc
    ) = 1

),

scored as (

    select
        bank_opening_id,
        person_id,
        match_weight,
        match_guard,
        comparison_detail,
        1 / (1 + power(cast(2 as double), -match_weight)) as scored_probability
    from {{ ref('int_skip_pairs_scored') }}

),

guessed as (

    select
        match_tier,
        match_method
    from {{ ref('skip_match_methods') }}
    where match_method = 'probabilistic'

),

pairs as (

    select
        scored.bank_opening_id,
        scored.person_id,
        scored.match_weight,
        scored.match_guard,
        scored.comparison_detail,
        -- A method's own probability is the least that it gives.
        cast(
            least(
                greatest(coalesce(certain.method_probability, 0), scored.scored_probability),
                0.999999
            ) as decimal(9, 6)
        ) as match_probability,
        coalesce(certain.match_tier, guessed.match_tier) as match_tier,
        coalesce(certain.match_method, guessed.match_method) as match_method,
        coalesce(certain.matched_methods, 1) as matched_methods
    from scored
    cross join guessed
    left join certain
        on
            scored.bank_opening_id = certain.bank_opening_id
            and scored.person_id = certain.person_id

),

likely as (

    select pairs.*
    from pairs
    inner join {{ ref('int_skip_openings_described') }} as openings
        on pairs.bank_opening_id = openings.bank_opening_id
    inner join {{ ref('bank_match_settings') }} as match_settings
        on openings.bank_id = match_settings.bank_id
    where
        pairs.match_probability >= match_settings.review_threshold
        and (coalesce(pairs.match_guard, '') <> 'other_person' or pairs.match_tier = 1)

),

-- Whom no guard makes another person goes first, then the odds tell. How many times likelier a
-- candidate is than the next one counts among those that are as free of guards.
ranked as (

    select
        *,
        row_number() over likeliest_first as candidate_rank,
        count(*) over (partition by bank_opening_id) as candidates,
        match_weight - lead(match_weight) over (
            partition by bank_opening_id, match_guard is null
            order by match_weight desc, match_tier asc, person_id asc
        ) as weight_lead
    from likely
    window
        likeliest_first as (
            partition by bank_opening_id
            order by
                case when match_guard is null then 0 else 1 end,
                match_weight desc,
                match_tier asc,
                person_id asc
        )

),

final as (

    select
        bank_opening_id,
        person_id,
        match_tier,
        match_method,
        match_probability,
        matched_methods,
        match_guard,
        comparison_detail,
        candidate_rank,
        candidates,
        case
            when weight_lead is not null
                then cast(
                    least(power(cast(2 as double), weight_lead), 999999) as decimal(12, 3)
                )
        end as times_likelier
    from ranked

)

select * from final
