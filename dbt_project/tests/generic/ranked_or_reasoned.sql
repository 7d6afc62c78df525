{#- Fails with each row that has a rank and a reason against it, or neither. -#}
{% test ranked_or_reasoned(model, rank, reason) %}
select
    {{ rank }},
    {{ reason }}
from {{ model }}
where ({{ rank }} is null) = ({{ reason }} is null)
{% endtest %}
