{#- A view: its reader builds it as it reads, which is cheaper than to keep it. -#}
{{ config(materialized='view') }}

{{ paths_of(ref('int_windows_refreshed'), 'not is_frozen') }}
