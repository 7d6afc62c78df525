-- How many mails went to every purchased list on each day.
with

purchases as (

    select * from {{ ref('stg_media__list_purchases') }}

),

-- A mail is sent once, when it is handed over: whether it then arrives is the list's quality.
sent_messages as (

    select
        list_id,
        message_id,
        {{ business_date('min(occurred_at)') }} as sent_date
    from {{ ref('stg_email__events') }}
    where
        event_type in ('processed', 'deferred', 'delivered', 'bounce')
        and message_id is not null
        and occurred_at is not null
        and list_id in (select purchases.list_id from purchases)
    group by list_id, message_id

),

final as (

    select
        list_id,
        sent_date,
        count(*) as sends
    from sent_messages
    group by list_id, sent_date

)

select * from final
