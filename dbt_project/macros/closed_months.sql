{#-
The frozen rows of the closed months, as the plugin shows them to a build; without any, none.

Args: name of the file, and its columns with their types. A file that lacks one was frozen before
the column was made (a new attribution model, say): that a person must decide.
-#}
{% macro closed_rows(name, columns) -%}
    {{ rows_of_earlier_nights('closed', 'main', name, columns, is_whole=true) }}
{%- endmacro %}


{#-
Rows of a database that the plugin attached beside the warehouse, typed; none if it isn't there.

Args: database, schema and table; columns with their types; is_whole, whether a column that the
table lacks is a fault (else it is null).
-#}
{% macro rows_of_earlier_nights(database, schema, table, columns, is_whole=false) -%}
    {%- set relation = none -%}
    {%- set present = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database, schema, table) -%}
    {%- endif -%}
    {%- if relation is not none -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do present.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set missing = columns | reject('in', present) | list -%}
    {%- if relation is not none and is_whole and missing -%}
        {{ exceptions.raise_compiler_error(
            "The closed months were frozen without " ~ missing | join(", ") ~ " of " ~ table
            ~ ": decide what they show there before this column is built"
        ) }}
    {%- endif -%}
    (
        select
            {% for column, type in columns.items() %}
                cast({{ column if column in present else 'null' }} as {{ type }})
                    as {{ column }}{{ ',' if not loop.last }}
            {% endfor %}
        {% if relation is not none %}
        from {{ relation }}
        {% else %}
        where false
        {% endif %}
    )
{%- endmacro %}


{#- A relation of one row: the last closed month, and the first open one; nulls without any. -#}
{% macro closed_frontier() -%}
    (
        select
            max(month) as closed_through,
            {{ months_later('max(month)', 1) }} as first_open_month
        from {{ ref('stg_ledger__closed_periods') }}
    )
{%- endmacro %}


{#- Columns of the frozen credits of conversions with their types. -#}
{% macro frozen_credit_columns() -%}
    {%- set columns = {
        'conversion_id': 'varchar',
        'touchpoint_id': 'varchar',
        'touched_at': 'timestamp',
        'channel': 'varchar',
        'campaign_id': 'varchar',
        'unattributed_reason': 'varchar',
        'path_position': 'integer',
        'path_length': 'integer'
    } -%}
    {%- for model in data_driven_models() -%}
        {%- do columns.update({model ~ '_fit_id': 'varchar'}) -%}
    {%- endfor -%}
    {%- for model in attribution_models() -%}
        {%- do columns.update({model ~ '_units': 'bigint'}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- Columns of the frozen credits of a dimension (campaign_id or channel) with their types. -#}
{% macro booked_credit_columns(dimension) -%}
    {{ return({
        dimension: 'varchar',
        'date_basis': 'varchar',
        'month': 'date',
        'adjusts_month': 'date',
        'currency': 'varchar',
        'conversion_type': 'varchar',
        'model': 'varchar',
        'units': 'hugeint',
        'conversion_millionths': 'bigint',
        'revenue_cents': 'bigint',
        'pending_fee_cents': 'bigint'
    }) }}
{%- endmacro %}


{#- Columns of the frozen credits of cohorts with their types. -#}
{% macro cohort_credit_columns() -%}
    {{ return({
        'campaign_id': 'varchar',
        'cohort_month': 'date',
        'month': 'date',
        'adjusts_month': 'date',
        'currency': 'varchar',
        'conversion_type': 'varchar',
        'model': 'varchar',
        'units': 'hugeint',
        'conversion_millionths': 'bigint',
        'revenue_cents': 'bigint'
    }) }}
{%- endmacro %}


{#- Columns of mart_campaign_cohorts, in its contract's order, with their types. -#}
{% macro cohort_types() -%}
    {{ return({
        'campaign_id': 'varchar',
        'campaign_name': 'varchar',
        'channel': 'varchar',
        'cohort_month': 'date',
        'months_since': 'integer',
        'month': 'date',
        'adjusts_month': 'date',
        'model': 'varchar',
        'currency': 'varchar',
        'spend_cents': 'bigint',
        'conversions': 'decimal(18, 6)',
        'acquisition_conversions': 'decimal(18, 6)',
        'revenue_cents': 'bigint',
        'cumulative_conversions': 'decimal(18, 6)',
        'cumulative_acquisition_conversions': 'decimal(18, 6)',
        'cumulative_revenue_cents': 'bigint',
        'cumulative_roas': 'decimal(18, 6)',
        'cumulative_roi': 'decimal(18, 6)',
        'payback_months': 'integer',
        'reporting_currency': 'varchar',
        'spend_reporting_cents': 'bigint',
        'revenue_reporting_cents': 'bigint',
        'cumulative_revenue_reporting_cents': 'bigint'
    }) }}
{%- endmacro %}


{#- Columns of a performance mart, in its contract's order, with their types. -#}
{% macro performance_types(dimension) -%}
    {%- set columns = {dimension: 'varchar'} -%}
    {%- if dimension == 'campaign_id' -%}
        {%- do columns.update({'campaign_name': 'varchar', 'channel': 'varchar'}) -%}
    {%- endif -%}
    {%- do columns.update({
        'month': 'date', 'adjusts_month': 'date',
        'date_basis': 'varchar', 'model': 'varchar', 'currency': 'varchar'
    }) -%}
    {%- for name in ['spend_cents', 'impressions', 'clicks', 'touchpoints', 'earning_touchpoints'] -%}
        {%- do columns.update({name: 'bigint'}) -%}
    {%- endfor -%}
    {%- for name in ['', 'acquisition_', 'cross_sell_', 'skip_referral_'] -%}
        {%- do columns.update({name ~ 'conversions': 'decimal(18, 6)'}) -%}
    {%- endfor -%}
    {%- for name in ['', 'acquisition_', 'cross_sell_', 'skip_referral_'] -%}
        {%- do columns.update({name ~ 'revenue_cents': 'bigint'}) -%}
    {%- endfor -%}
    {%- do columns.update({'pending_fee_cents': 'bigint'}) -%}
    {%- for name in ['roas', 'roi', 'cost_per_acquisition'] -%}
        {%- do columns.update({name: 'decimal(18, 6)'}) -%}
    {%- endfor -%}
    {%- do columns.update({'reporting_currency': 'varchar', 'fx_rate': 'decimal(18, 6)'}) -%}
    {%- for name in ['spend', 'revenue', 'pending_fee'] -%}
        {%- do columns.update({name ~ '_reporting_cents': 'bigint'}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#-
The body of int_campaign_credits_booked and int_channel_credits_booked: credits by one dimension,
date basis, month, currency, conversion type and model, as the months that are closed allow it.

Rows of closed months are the frozen ones. What the credits of this night say differently about
such a month is booked in the first open month, in rows that name the month that they adjust. So
the sum over all rows is that of this night's credits, whatever was closed.

Conversions are counted in units of 1e-6, dealt out by running sums, so that every model's total is
the number of conversions exactly; frozen rows keep theirs, and the sums run on behind them.
-#}
{% macro credits_booked_by(dimension) %}
{% set models = attribution_models() %}
{% set key = [dimension, 'date_basis', 'currency', 'conversion_type', 'model'] | join(', ') %}
{% set group = 'date_basis, currency, conversion_type, model' %}
with

bases as (
    {% for basis in date_bases() %}
        {% if not loop.first %}union all{% endif %}

        select '{{ basis }}' as date_basis
    {% endfor %}

),

frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

frozen as (

    select * from {{ ref('stg_ledger__closed_' ~ dimension.removesuffix('_id') ~ '_credits') }}

),

dated_credits as (

    select
        credits.{{ dimension }},
        bases.date_basis,
        case bases.date_basis
            {% for basis, month_column in date_bases().items() %}
                when '{{ basis }}' then credits.{{ month_column }}
            {% endfor %}
        end as month,
        credits.currency,
        credits.conversion_type,
        {% for model in models %}
            cast(sum(credits.{{ model }}_units) as hugeint) as {{ model }}_units,
            cast(sum(credits.{{ model }}_revenue_cents) as bigint) as {{ model }}_revenue_cents,
            cast(sum(credits.{{ model }}_pending_fee_cents) as bigint)
                as {{ model }}_pending_fee_cents{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_credits_summed') }} as credits
    cross join bases
    group by 1, 2, 3, 4, 5

),

credits as (

    select * from {{ one_row_a_model(
        'dated_credits',
        [dimension, 'date_basis', 'month', 'currency', 'conversion_type'],
        ['units', 'revenue_cents', 'pending_fee_cents']
    ) }} as model_rows

),

-- What this night says of the closed months, less all that was booked about them.
differences as (

    select
        {{ key }},
        month as adjusts_month,
        cast(sum(units) as hugeint) as units,
        cast(sum(revenue_cents) as bigint) as revenue_cents,
        cast(sum(pending_fee_cents) as bigint) as pending_fee_cents
    from (
        select
            {{ key }},
            month,
            units,
            revenue_cents,
            pending_fee_cents
        from credits
        where month <= (select frontier.closed_through from frontier)
        union all
        select
            {{ key }},
            coalesce(adjusts_month, month) as month,
            -1 * units as units,
            -1 * revenue_cents as revenue_cents,
            -1 * pending_fee_cents as pending_fee_cents
        from frozen
    ) as both_sides
    group by {{ key }}, month

),

booked as (

    select
        {{ key }},
        month,
        cast(null as date) as adjusts_month,
        units,
        revenue_cents,
        pending_fee_cents
    from credits
    where month > coalesce((select frontier.closed_through from frontier), date '0001-01-01')

    union all

    select
        {{ key }},
        (select frontier.first_open_month from frontier) as month,
        adjusts_month,
        units,
        revenue_cents,
        pending_fee_cents
    from differences
    where units <> 0 or revenue_cents <> 0 or pending_fee_cents <> 0

),

-- Over all months at once: the parts of one conversion may lie in several.
running_units as (

    select
        *,
        sum(units) over (
            partition by {{ group }}
            order by month, adjusts_month nulls last, {{ dimension }}
            rows between unbounded preceding and current row
        ) as units_so_far,
        row_number() over (
            partition by {{ group }}
            order by month, adjusts_month nulls last, {{ dimension }}
        ) as row_in_group
    from booked

),

frozen_sums as (

    select
        {{ group }},
        sum(units) as frozen_units,
        sum(conversion_millionths) as frozen_millionths
    from frozen
    group by {{ group }}

),

-- The first row behind the frozen ones continues from what they were counted as.
counted as (

    select
        running_units.*,
        {{ millionths_of_units(
            'coalesce(frozen_sums.frozen_units, 0) + running_units.units_so_far',
            'running_units.units'
        ) }}
        + case
            when running_units.row_in_group = 1 and frozen_sums.frozen_units is not null
                then {{ millionths_of_units(
                    'frozen_sums.frozen_units', 'frozen_sums.frozen_units'
                ) }} - frozen_sums.frozen_millionths
            else 0
        end as conversion_millionths
    from running_units
    left join frozen_sums
        on
            running_units.date_basis = frozen_sums.date_basis
            and running_units.currency = frozen_sums.currency
            and running_units.conversion_type = frozen_sums.conversion_type
            and running_units.model = frozen_sums.model

),

final as (
    {% set columns = booked_credit_columns(dimension) | list %}
    select {{ columns | join(', ') }}
    from frozen

    union all

    select
        {% for column, type in booked_credit_columns(dimension).items() %}
            cast({{ column }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from counted

)

select * from final
{% endmacro %}


{#-
CTEs of a performance mart: what isn't credited (spend, impressions, clicks, touchpoints) by one
dimension, month, adjusted month and currency.

Reads `spend_sums` and `touch_sums` of the macro performance_by. As with credits, closed months are
left to their frozen rows, and what differs is booked in the first open month.
-#}
{% macro activity_booked_by(dimension) %}
{% set measures = ['spend_cents', 'impressions', 'clicks', 'touchpoints', 'earning_touchpoints'] %}
frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

frozen as (

    select * from {{ ref('stg_ledger__closed_' ~ dimension.removesuffix('_id') ~ '_performance') }}

),

activity as (

    select
        {{ dimension }},
        month,
        currency,
        spend_cents,
        impressions,
        clicks,
        0 as touchpoints,
        0 as earning_touchpoints
    from spend_sums

    union all

    select
        {{ dimension }},
        month,
        currency,
        0 as spend_cents,
        0 as impressions,
        0 as clicks,
        touchpoints,
        earning_touchpoints
    from touch_sums

),

activity_differences as (

    select
        {{ dimension }},
        month as adjusts_month,
        currency,
        {% for measure in measures %}
            cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select *
        from activity
        where month <= (select frontier.closed_through from frontier)
        union all
        -- The same in the rows of every basis and model.
        select
            {{ dimension }},
            coalesce(adjusts_month, month) as month,
            currency,
            {% for measure in measures %}
                -1 * {{ measure }} as {{ measure }}{{ ',' if not loop.last }}
            {% endfor %}
        from frozen
        where
            date_basis = '{{ date_bases() | first }}'
            and model = '{{ attribution_models() | first }}'
    ) as both_sides
    group by {{ dimension }}, month, currency

),

activity_sums as (

    select
        {{ dimension }},
        month,
        cast(null as date) as adjusts_month,
        currency,
        {% for measure in measures %}
            cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from activity
    where month > coalesce((select frontier.closed_through from frontier), date '0001-01-01')
    group by {{ dimension }}, month, currency

    union all

    select
        {{ dimension }},
        (select frontier.first_open_month from frontier) as month,
        adjusts_month,
        currency,
        {{ measures | join(', ') }}
    from activity_differences
    where {% for measure in measures %}{{ measure }} <> 0{{ ' or ' if not loop.last }}{% endfor %}

)
{% endmacro %}
