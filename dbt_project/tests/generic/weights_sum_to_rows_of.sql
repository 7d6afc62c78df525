{#- Fails if the weights of all rows don't sum to the number of rows of another relation. -#}
{% test weights_sum_to_rows_of(model, weight, rows_of) %}
select
    weighed.total_weight,
    counted.row_count
from (select coalesce(sum({{ weight }}), 0) as total_weight from {{ model }}) as weighed
cross join (select count(*) as row_count from {{ rows_of }}) as counted
where weighed.total_weight <> counted.row_count
{% endtest %}
