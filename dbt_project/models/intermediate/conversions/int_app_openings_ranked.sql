-- Products opened in the app, and which of a person's was the first.
with

openings as (

    select
        products.account_id,
        identifiers.person_id,
        products.occurred_at as converted_at,
        products.product_line,
        products.bank_id,
        products.currency,
        products.application_started_at,
        products._batch_id,
        products._landed_at,
        'cv_' || md5('app:' || products.account_id) as conversion_id
    from {{ ref('stg_app__products') }} as products
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            identifiers.identifier_type = 'app_user'
            and products.app_user_id = identifiers.identifier
    where products.entry_type = 'opening'
    -- An account opens once, whatever the app reports later.
    qualify row_number() over (
        partition by products.account_id
        order by products.occurred_at, products.ledger_entry_id
    ) = 1

),

final as (

    select
        conversion_id,
        account_id,
        person_id,
        converted_at,
        product_line,
        bank_id,
        currency,
        application_started_at,
        _batch_id,
        _landed_at,
        row_number() over (
            partition by person_id
            order by converted_at, account_id
        ) as product_number
    from openings

)

select * from final
