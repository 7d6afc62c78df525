{% set models = data_driven_models() %}

-- One number for all that a person's rows in the incremental tables are computed from. Whole rows
-- are hashed, so that no column can be forgotten; load columns and keys of one build say nothing.
with

touches as (

    select {{ all_columns_but(['_batch_id', '_landed_at']) }}
    from {{ ref('int_touchpoints_unioned') }}

),

conversions as (

    select * from {{ ref('int_conversions_unioned') }}

),

windows as (

    select {{ all_columns_but(['conversion_number']) }}
    from {{ ref('int_conversion_windows_set') }}

),

frozen_credits as (

    select {{ all_columns_but(['conversion_number']) }}
    from {{ ref('int_credits_frozen') }}

),

share_sets as (

    select
        attribution_model,
        model_fit_id,
        channel_set,
        {{ fingerprint_of_rows(fingerprint_of(['channel', 'share_units'])) }} as fingerprint
    from {{ ref('int_data_driven_shares') }}
    group by attribution_model, model_fit_id, channel_set

),

fits as (

    select
        conversions.person_id,
        {% for model in models %}
        {{ model }}_sets.fingerprint as {{ model }}_fingerprint,
        {% endfor %}
        chosen_fits.*
    from {{ ref('int_conversion_fits_chosen') }} as chosen_fits
    inner join conversions on chosen_fits.conversion_id = conversions.conversion_id
    {% for model in models %}
    left join share_sets as {{ model }}_sets
        on
            {{ model }}_sets.attribution_model = '{{ model }}'
            and chosen_fits.{{ model }}_fit_id = {{ model }}_sets.model_fit_id
            and chosen_fits.channel_set = {{ model }}_sets.channel_set
    {% endfor %}

),

inputs as (
    {% for input in ['touches', 'conversions', 'windows', 'frozen_credits', 'fits'] %}
    {{ 'union all' if not loop.first }}
    select
        person_id,
        {{ fingerprint_of(["'" ~ input ~ "'", input]) }} as fingerprint
    from {{ input }}
    {% endfor %}
),

final as (

    select
        person_id,
        {{ fingerprint_of(
            [code_and_engine(), 'count(*)', fingerprint_of_rows('fingerprint')]
        ) }} as fingerprint
    from inputs
    group by person_id

)

select * from final
