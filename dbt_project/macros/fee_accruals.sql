{#- Columns of the booked sums of fee entries with their types. -#}
{% macro fee_accrual_columns() -%}
    {{ return({
        'bank_id': 'varchar',
        'currency': 'varchar',
        'month': 'date',
        'adjusts_month': 'date',
        'entry_kind': 'varchar',
        'entry_cents': 'bigint'
    }) }}
{%- endmacro %}
