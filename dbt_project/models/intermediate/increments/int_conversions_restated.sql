{% set models = published_models() %}

-- Conversions that the last published night has and this night credits differently.
with

published as (

    select
        conversion_id,
        {{ fingerprint_of_rows(fingerprint_of(
            ["coalesce(touchpoint_id, '')", 'channel']
            + credit_numbers(models, 'weight')
        )) }} as fingerprint
    from {{ published_rows('fct_attribution', published_credit_columns()) }} as published_credits
    group by conversion_id

),

this_night as (

    select
        conversion_id,
        {{ fingerprint_of_rows(fingerprint_of(
            ["coalesce(touchpoint_id, '')", 'channel']
            + credit_numbers(models, 'units')
        )) }} as fingerprint
    from {{ credits_of_the_night() }} as credits
    group by conversion_id

),

final as (

    select published.conversion_id
    from published
    left join this_night on published.conversion_id = this_night.conversion_id
    where published.fingerprint is distinct from this_night.fingerprint

)

select * from final
