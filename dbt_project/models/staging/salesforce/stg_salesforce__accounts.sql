with

source as (

    select * from {{ raw_rows('salesforce', 'accounts') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as account_id,
        {{ clean_text('Name') }} as account_name,
        {{ clean_text('Type') }} as account_type,
        {{ clean_text('BillingCountry') }} as country,
        {{ try_cast('CreatedDate', 'timestamp') }} as created_at,
        {{ try_cast('SystemModstamp', 'timestamp') }} as system_modified_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        -- Of a record that was merged into another, which is its master.
        case
            when {{ try_cast('IsDeleted', 'boolean') }} then {{ clean_text('MasterRecordId') }}
        end as master_account_id,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
