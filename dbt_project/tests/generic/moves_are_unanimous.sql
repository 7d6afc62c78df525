{#-
Fails with each move on which models that speak don't agree, or that may lose money, and with each undecided shift that
doesn't say why, or which test would decide it.
-#}
{% test moves_are_unanimous(model) %}
select
    from_campaign_id,
    to_campaign_id,
    decision
from {{ model }}
where
    (
        decision = 'move'
        and (
            models_agreeing <> models_speaking
            or intervals_agreeing <> models_speaking
            or channel_models_agreeing <> models_speaking
            or models_speaking = 0
            or models_speaking > models
            or control_group = 'disagrees'
            or coalesce(lowest_gain_reporting_cents, -1) < 0
            or undecided_reason is not null
            or deciding_test is not null
        )
    )
    or (decision <> 'move' and (undecided_reason is null or deciding_test is null))
{% endtest %}
