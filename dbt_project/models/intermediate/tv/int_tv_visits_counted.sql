-- Visits that television may bring, minute by minute; a minute without any has no row.
with

final as (

    select
        minute_at,
        country,
        nature,
        count(*) as visit_count
    from {{ ref('int_tv_visits_classified') }}
    where is_counted
    group by minute_at, country, nature

)

select * from final
