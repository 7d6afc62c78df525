{#-
The ratios of mart_tv_performance; they read its `with_margin` and `customer_sums`. Only measured
spots' cost counts, and where there is nothing to divide by, there is no ratio.
-#}

{#- What a visit cost that wouldn't have come without television, in units of the currency. -#}
{% macro cost_per_visit(visits) -%}
    case
        when {{ visits }} > 0
            then {{ ratio('with_margin.measured_cost_cents / 100', visits) }}
    end
{%- endmacro %}


{#- New customers by one model; null for a model that isn't computed. -#}
{% macro tv_customers(model) -%}
    {%- if model in attribution_models() -%}
        cast(round(coalesce(customer_sums.{{ model }}_customers, 0), 6) as decimal(18, 6))
    {%- else -%}
        cast(null as decimal(18, 6))
    {%- endif -%}
{%- endmacro %}


{#- What such a customer cost, in units of the currency. -#}
{% macro tv_cost_per_customer(model) -%}
    {{ ratio('with_margin.measured_cost_cents / 100', tv_customers(model)) }}
{%- endmacro %}
