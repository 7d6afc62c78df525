select
    conversion_type,
    product_line,
    click_lookback_days,
    view_lookback_days,
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
from {{ world_rows('attribution_settings', ['conversion_type', 'product_line']) }} as setting_rows
