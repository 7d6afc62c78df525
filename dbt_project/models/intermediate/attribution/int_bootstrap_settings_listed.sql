-- What the Python models of fits and intervals are told, as one row.
select
    '{{ var("business_timezone") }}' as business_timezone,
    cast({{ var("bootstrap_replicates") }} as integer) as replicates,
    cast({{ var("bootstrap_seed") }} as bigint) as seed,
    cast({{ var("interval_level") }} as double) as interval_level
