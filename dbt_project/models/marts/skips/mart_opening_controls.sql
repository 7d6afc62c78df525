-- What became of each file of openings: the bank's own count against ours.
with

files as (

    select * from {{ ref('stg_banks__opening_files') }}

),

judged as (

    select
        openings.bank_id,
        openings._batch_id,
        openings.file_name,
        {% for outcome in ['eligible', 'refused', 'review', 'unmatched'] %}
        count(case when referrals.eligibility = '{{ outcome }}' then 1 end) as {{ outcome }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('stg_banks__openings') }} as openings
    inner join {{ ref('fct_skip_referrals') }} as referrals
        on openings.bank_opening_id = referrals.bank_opening_id
    group by openings.bank_id, openings._batch_id, openings.file_name

),

final as (

    select
        files.bank_id,
        files.file_name,
        files.landed_at,
        files.control_total,
        cast(files.control_total - files.loaded_rows as integer) as withheld_rows,
        cast(files.loaded_rows as integer) as loaded_rows,
        cast(files.repeated_rows as integer) as repeated_rows,
        {% for outcome in ['eligible', 'refused', 'review', 'unmatched'] %}
        cast(coalesce(judged.{{ outcome }}, 0) as integer) as {{ outcome }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from files
    left join judged
        on
            files.bank_id = judged.bank_id
            and files._batch_id = judged._batch_id
            and files.file_name = judged.file_name

)

select * from final
