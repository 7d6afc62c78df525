-- Touches of the paths of restated conversions, as the last published night shows them.
with

path_touches as (

    select touchpoint_id
    from {{ ref('int_published_credits_kept') }}
    where touchpoint_id is not null

    union

    select credits.touchpoint_id
    from {{ ref('int_credits_computed') }} as credits
    inner join {{ ref('int_conversions_restated') }} as restated
        on credits.conversion_id = restated.conversion_id
    where credits.touchpoint_id is not null

),

published as (

    select * from {{ published_rows('fct_touchpoints', {
        'touchpoint_id': 'varchar',
        'person_id': 'varchar',
        'channel': 'varchar',
        'interaction': 'varchar',
        'touch_weight': 'decimal(18, 12)',
        'is_earning': 'boolean'
    }) }} as published_touches

),

final as (

    select published.*
    from published
    inner join path_touches on published.touchpoint_id = path_touches.touchpoint_id

)

select * from final
