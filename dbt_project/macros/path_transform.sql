{#-
How repeats stand in a path: the label of a touch, and whether the path lists it.

Transforms: `exposure`: neighbours of one channel are one; `unique`: as they are; `first`: only a
channel's first occurrence; `frequency`: neighbours are one, written with their number:
`Email(2)`, a single one `Email(1)`. Credits are the touches' own whatever the path lists: all
touches with one label share its part.

Read the columns channel, path_transform, run_length (touches of the run, neighbours of one channel),
run_position (place in it) and channel_position (place among the path's touches of the channel).
-#}
{% macro path_label() -%}
    case
        when path_transform = 'frequency'
            then channel || '(' || cast(run_length as varchar) || ')'
        else channel
    end
{%- endmacro %}


{% macro is_listed_in_path() -%}
    case path_transform
        -- As they are.
        when 'unique' then true
        -- Only a channel's first occurrence.
        when 'first' then channel_position = 1
        -- Neighbours of one channel are one.
        else run_position = 1
    end
{%- endmacro %}
