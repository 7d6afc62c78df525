-- The touches of every journey, converting or not, with the label under which its path lists them.
with

journey_touches as (

    select
        'jn_' || md5('conversion:' || conversion_id) as journey_id,
        conversion_id,
        conversion_number,
        cast(null as varchar) as person_id,
        touchpoint_id,
        touched_at,
        channel,
        path_transform,
        path_position
    from {{ ref('int_paths_built') }}

    union all

    select
        'jn_' || md5('person:' || person_id) as journey_id,
        cast(null as varchar) as conversion_id,
        cast(null as bigint) as conversion_number,
        person_id,
        touchpoint_id,
        touched_at,
        channel,
        path_transform,
        path_position
    from {{ ref('int_journeys_not_converted') }}

),

-- A run is a row of neighbours of one channel: its touches stand as far in the path as among those
-- of their channel, apart from a number that is the run's own.
numbered as (

    select
        *,
        row_number() over (partition by journey_id, channel order by path_position)
            as channel_position
    from journey_touches

),

runs as (

    select
        *,
        row_number() over (
            partition by journey_id, channel, path_position - channel_position
            order by path_position
        ) as run_position,
        count(*) over (
            partition by journey_id, channel, path_position - channel_position
        ) as run_length
    from numbered

),

labelled as (

    select
        journey_id,
        conversion_id,
        conversion_number,
        person_id,
        touchpoint_id,
        touched_at,
        path_position,
        {{ path_label() }} as channel_label,
        {{ is_listed_in_path() }} as is_listed
    from runs

),

final as (

    select
        *,
        count(*) over (partition by journey_id, channel_label) as label_touch_count
    from labelled

)

select * from final
