-- A person's score and source for the CRM. Neither reads a field that we push, nor the date of the
-- night, so that a night without news changes no value.
with

touch_signals as (

    select
        person_id,
        interaction as score_signal,
        count(*) as occurrences
    from {{ ref('int_touchpoints_unioned') }}
    where is_earning
    group by person_id, interaction

),

person_signals as (

    select
        person_id,
        'product' as score_signal,
        product_count as occurrences
    from {{ ref('int_persons_staged') }}

    union all

    select
        person_id,
        'registration' as score_signal,
        case when is_registered then 1 else 0 end as occurrences
    from {{ ref('int_persons_staged') }}

),

signals as (

    select * from touch_signals
    union all
    select * from person_signals

),

scores as (

    select
        signals.person_id,
        sum(least(signals.occurrences * rules.points, rules.max_points)) as score
    from signals
    inner join {{ ref('score_rules') }} as rules
        on signals.score_signal = rules.score_signal
    group by signals.person_id

),

-- The channel of the first earning touch, of a visit and what was inferred from it the weightiest;
-- Direct only where there is nothing better.
sources as (

    select
        person_id,
        channel as first_channel
    from {{ ref('int_touchpoints_unioned') }}
    where is_earning
    qualify row_number() over (
        partition by person_id
        order by
            case when channel in ('Direct', 'Unassigned') then 1 else 0 end asc,
            touched_at asc,
            touch_weight desc,
            touchpoint_id asc
    ) = 1

),

final as (

    select
        persons.person_id,
        cast(least(coalesce(scores.score, 0), 100) as integer) as score,
        sources.first_channel
    from {{ ref('int_persons_staged') }} as persons
    left join scores on persons.person_id = scores.person_id
    left join sources on persons.person_id = sources.person_id

)

select * from final
