-- Openings in the form in which they are compared with people; e-mail and phone are keyed hashes,
-- the bank's own or ours by the key of the day. Without a legal basis a bank's are left out.
with

openings as (

    select
        openings.*,
        match_settings.match_mode,
        coalesce(openings.hash_key_id, hash_keys.key_id) as key_id
    from {{ ref('stg_banks__openings') }} as openings
    inner join {{ ref('bank_match_settings') }} as match_settings
        on openings.bank_id = match_settings.bank_id
    left join {{ ref('bank_hash_keys') }} as hash_keys
        on
            openings.bank_id = hash_keys.bank_id
            and {{ business_date('openings._landed_at') }} >= hash_keys.valid_from_date
            and {{ business_date('openings._landed_at') }}
            < coalesce(hash_keys.valid_to_date, date '9999-12-31')
    where match_settings.legal_basis is not null

),

final as (

    select
        bank_opening_id,
        bank_id,
        key_id,
        {{ normalised_name('first_name') }} as first_name,
        {{ normalised_name('last_name') }} as last_name,
        birth_date,
        {{ normalised_postcode('postal_code') }} as postal_code,
        upper(referral_token) as referral_token,
        coalesce(
            key_id || ':' || lower(email_hash),
            {{ keyed_hash('key_id', 'email', 'email_normalised') }}
        ) as email_key,
        coalesce(
            key_id || ':' || lower(phone_hash),
            {{ keyed_hash('key_id', 'phone', normalised_phone('phone')) }}
        ) as phone_key,
        case when match_mode = 'blind' then key_id || ':' || lower(matched_row_id) end as row_key
    from openings

)

select * from final
