{{ performance_by('channel') }},

final as (

    select
        joined.channel,
        {{ performance_columns() }}
    from joined

)

select * from final
