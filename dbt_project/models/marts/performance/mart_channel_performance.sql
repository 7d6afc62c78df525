{{ performance_by('channel') }},

final as (

    select
        joined.channel,
        {{ performance_columns('channel') }}
    from joined

)

{{ with_closed_months('channel') }}
