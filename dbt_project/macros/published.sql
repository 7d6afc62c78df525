{#-
Rows of a mart as the last published night shows them; none before the first one.

Args: the mart, and the columns to read with their types; one that it lacks is null.
-#}
{% macro published_rows(mart, columns) -%}
    {{ rows_of_earlier_nights('published', 'marts', mart, columns) }}
{%- endmacro %}


{#- The attribution models whose credits the published file holds. -#}
{% macro published_models() -%}
    {%- set relation = none -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation('published', 'marts', 'fct_attribution') -%}
    {%- endif -%}
    {%- set found = [] -%}
    {%- if relation is not none -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.append(column.name.removesuffix('_weight')) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(attribution_models() | select('in', found) | list) }}
{%- endmacro %}


{#- Columns of fct_attribution from which credits are compared, with their types. -#}
{% macro published_credit_columns() -%}
    {%- set columns = {
        'conversion_id': 'varchar',
        'touchpoint_id': 'varchar',
        'person_id': 'varchar',
        'currency': 'varchar',
        'channel': 'varchar'
    } -%}
    {%- for model in data_driven_models() -%}
        {%- do columns.update({model ~ '_fit_id': 'varchar'}) -%}
    {%- endfor -%}
    {%- for model in attribution_models() -%}
        {%- do columns.update({
            model ~ '_weight': 'decimal(18, 12)', model ~ '_revenue_cents': 'bigint'
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- A weight as whole units of 1e-12. -#}
{% macro units_from_weight(weight) -%}
    cast({{ weight }} * 1000000000000 as bigint)
{%- endmacro %}


{#-
All credits of this night, those of nobody too: conversion_id, touchpoint_id, channel, and units and
cents of every model.
-#}
{% macro credits_of_the_night() -%}
    (
        select
            conversion_id,
            touchpoint_id,
            channel,
            {% for model in attribution_models() %}
                {{ model }}_units,
                {{ model }}_revenue_cents{{ ',' if not loop.last }}
            {% endfor %}
        from {{ ref('int_credits_computed') }}
        union all
        select
            nobodys.conversion_id,
            cast(null as varchar) as touchpoint_id,
            'unattributed' as channel,
            {% for model in attribution_models() %}
                1000000000000 as {{ model }}_units,
                conversions.revenue_cents as {{ model }}_revenue_cents{{ ',' if not loop.last }}
            {% endfor %}
        from {{ ref('int_conversions_unattributed') }} as nobodys
        inner join {{ ref('int_conversions_unioned') }} as conversions
            on nobodys.conversion_id = conversions.conversion_id
    )
{%- endmacro %}


{#- Whole-number expressions of every model's weight and cents; weights as `units` or `weight`. -#}
{% macro credit_numbers(models, weight) -%}
    {%- set found = [] -%}
    {%- for model in models -%}
        {%- if weight == 'weight' -%}
            {%- do found.append(units_from_weight(model ~ '_weight')) -%}
        {%- else -%}
            {%- do found.append('cast(' ~ model ~ '_units as bigint)') -%}
        {%- endif -%}
        {%- do found.append('cast(' ~ model ~ '_revenue_cents as bigint)') -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- Columns of mart_attribution_settings with their types. -#}
{% macro attribution_setting_columns() -%}
    {%- set columns = {'conversion_type': 'varchar', 'product_line': 'varchar'} -%}
    {%- for name in [
        'click_lookback_days', 'view_lookback_days', 'half_life_days', 'first_weight',
        'middle_weight', 'last_weight', 'w_first_weight', 'w_lead_weight', 'w_last_weight',
        'w_middle_weight'
    ] -%}
        {%- do columns.update({name: 'integer'}) -%}
    {%- endfor -%}
    {%- do columns.update({'path_transform': 'varchar', 'direct_channel': 'varchar'}) -%}
    {{ return(columns) }}
{%- endmacro %}


{#- Columns of mart_attribution_restatements, in its contract's order, with their types. -#}
{% macro restatement_columns() -%}
    {{ return({
        'night': 'date',
        'conversion_id': 'varchar',
        'model': 'varchar',
        'channel': 'varchar',
        'currency': 'varchar',
        'before_weight': 'decimal(18, 12)',
        'after_weight': 'decimal(18, 12)',
        'before_revenue_cents': 'bigint',
        'after_revenue_cents': 'bigint',
        'reason': 'varchar'
    }) }}
{%- endmacro %}
