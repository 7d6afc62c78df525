{{ performance_by('channel') }},

final as (

    select
        joined.channel,
        {{ performance_columns('channel') }}
    from joined

)

select * from final
