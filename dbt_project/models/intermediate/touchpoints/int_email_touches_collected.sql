-- What the mail system shows of a touch; service messages never are one.
with

mail_events as (

    select
        email_events.event_id,
        email_events.email,
        email_events.occurred_at,
        email_events.event_type,
        email_events.campaign_code,
        email_events.message_id,
        email_events.url,
        email_events.is_machine_open,
        email_events._batch_id,
        email_events._landed_at,
        email_rules.interaction,
        min(
            case when email_events.event_type = 'delivered' then email_events.occurred_at end
        ) over (partition by email_events.message_id) as delivered_at
    from {{ ref('stg_email__events') }} as email_events
    inner join {{ ref('email_rules') }} as email_rules
        on email_events.event_type = email_rules.event_type
    where
        email_events.email is not null
        and email_events.occurred_at is not null
        and not regexp_matches(
            coalesce(email_events.category, ''), '(^|\|)(service|transactional)($|\|)'
        )

),

-- Nobody follows two different links of a mail within two seconds: that is a scanner.
double_clicks as (

    select distinct first_clicks.event_id
    from mail_events as first_clicks
    inner join mail_events as other_clicks
        on
            first_clicks.message_id = other_clicks.message_id
            and first_clicks.url <> other_clicks.url
            and first_clicks.occurred_at
            between {{ shifted('other_clicks.occurred_at', -2, 'seconds') }}
            and {{ shifted('other_clicks.occurred_at', 2, 'seconds') }}
    where
        first_clicks.event_type = 'click'
        and other_clicks.event_type = 'click'

),

final as (

    select
        'email' as source_system,
        mail_events.event_id as source_event_key,
        'email' as identifier_type,
        mail_events.email as identifier,
        mail_events.occurred_at as touched_at,
        mail_events.interaction,
        mail_events.campaign_code as campaign_id,
        'email' as traffic_source,
        'email' as traffic_medium,
        cast(null as varchar) as traffic_content,
        cast(null as varchar) as session_key,
        mail_events.is_machine_open
        or double_clicks.event_id is not null
        -- Nor does anybody click in the seconds after delivery.
        or coalesce(
            mail_events.event_type = 'click'
            and mail_events.occurred_at
            < {{ shifted('mail_events.delivered_at', var('scanner_seconds'), 'seconds') }},
            false
        ) as is_automated,
        mail_events._batch_id,
        mail_events._landed_at
    from mail_events
    left join double_clicks on mail_events.event_id = double_clicks.event_id

)

select * from final
