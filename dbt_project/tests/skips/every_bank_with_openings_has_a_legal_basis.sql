-- Openings of a bank whose data we may not use: they are matched with nobody.
{{ config(severity = 'warn') }}
select
    openings.bank_id,
    count(*) as openings
from {{ ref('stg_banks__openings') }} as openings
left join {{ ref('bank_match_settings') }} as match_settings
    on openings.bank_id = match_settings.bank_id
where match_settings.legal_basis is null
group by openings.bank_id
