-- Windows of the conversions whose credits this build computes: those of dirty persons.
with

frozen_conversions as (

    select distinct conversion_id
    from {{ ref('int_credits_frozen') }}

),

final as (

    select
        windows.conversion_id,
        windows.conversion_number,
        windows.person_id,
        windows.converted_at,
        windows.path_begins_at,
        windows.path_ends_at,
        windows.half_life_days,
        windows.first_weight,
        windows.middle_weight,
        windows.last_weight,
        windows.w_first_weight,
        windows.w_lead_weight,
        windows.w_last_weight,
        windows.w_middle_weight,
        windows.path_transform,
        windows.direct_channel,
        windows.lead_created_at,
        windows.click_window_begins_at,
        windows.view_window_begins_at,
        frozen_conversions.conversion_id is not null as is_frozen
    from {{ ref('int_conversion_windows_set') }} as windows
    left join frozen_conversions on windows.conversion_id = frozen_conversions.conversion_id
    where windows.person_id in (select dirty.person_id from {{ ref('int_persons_dirty') }} as dirty)

)

select * from final
