with

windows as (

    select * from {{ ref('int_conversion_windows_set') }}

),

final as (

    select
        conversion_id,
        person_id,
        click_window_begins_at,
        view_window_begins_at,
        path_begins_at,
        path_ends_at,
        lead_created_at,
        half_life_days,
        first_weight,
        middle_weight,
        last_weight,
        w_first_weight,
        w_lead_weight,
        w_last_weight,
        w_middle_weight,
        path_transform,
        direct_channel
    from windows

)

select * from final
