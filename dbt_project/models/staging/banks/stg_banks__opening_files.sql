-- The files of openings, with the number of rows that the bank says are in each.
with

source as (
    {% for bank_source in var('bank_sources') %}
    {% if not loop.first %}union all by name{% endif %}

    select
        *,
        '{{ bank_source | replace("bank_", "") }}' as bank_id
    from {{ raw_rows(bank_source, 'openings') }} as raw_rows
    {% endfor %}

),

numbered as (

    select
        *,
        {{ newest_first(['bank_id', 'reference']) }} as version_number
    from source

),

renamed as (

    select
        bank_id,
        _batch_id,
        _file as file_name,
        min(_landed_at) as landed_at,
        max({{ try_cast('control_total', 'integer') }}) as control_total,
        count(*) as loaded_rows,
        -- What another row of the same reference replaces, in this file or a newer one.
        count(case when version_number > 1 then 1 end) as repeated_rows

    from numbered
    group by bank_id, _batch_id, _file

)

select * from renamed
