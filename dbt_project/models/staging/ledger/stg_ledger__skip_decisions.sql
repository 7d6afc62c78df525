with

source as (

    select * from {{ raw_rows('ledger', 'skip_decisions') }} as raw_rows

),

-- A later decision about an opening and a person replaces an earlier one.
newest as (

    select *
    from source
    qualify row_number() over (
        partition by bank_opening_id, person_id
        order by id desc
    ) = 1

),

renamed as (

    select
        bank_opening_id,
        person_id,
        code as decided_code,
        decision,
        decided_at

    from newest

)

select * from renamed
