{#-
Fails with each touch that is credited but not known, unless a closed month froze the credit: its
source may have withdrawn the touch since.
-#}
{% test touches_are_known_or_frozen(model, touchpoints, frozen_credits) %}
select
    credits.conversion_id,
    credits.touchpoint_id
from {{ model }} as credits
left join {{ touchpoints }} as touchpoints
    on credits.touchpoint_id = touchpoints.touchpoint_id
left join {{ frozen_credits }} as frozen_credits
    on
        credits.conversion_id = frozen_credits.conversion_id
        and credits.touchpoint_id = frozen_credits.touchpoint_id
where
    credits.touchpoint_id is not null
    and touchpoints.touchpoint_id is null
    and frozen_credits.touchpoint_id is null
{% endtest %}
