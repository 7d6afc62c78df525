-- Whether the settings of attribution are others than those of the last published night.
with

this_night as (

    select
        {{ fingerprint_of_rows(fingerprint_of(attribution_setting_columns() | list)) }}
            as fingerprint
    from {{ world_rows('attribution_settings', ['conversion_type', 'product_line']) }}
        as setting_rows

),

published as (

    select
        {{ fingerprint_of_rows(fingerprint_of(attribution_setting_columns() | list)) }}
            as fingerprint
    from {{ published_rows('mart_attribution_settings', attribution_setting_columns()) }}
        as published_settings

),

final as (

    select coalesce(this_night.fingerprint <> published.fingerprint, false) as is_changed
    from this_night
    cross join published

)

select * from final
