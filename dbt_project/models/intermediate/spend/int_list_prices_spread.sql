-- The price of every purchased list, spent as its planned sends happen: a send uses up the oldest
-- purchase of the list that has sends left, and what is sent beyond all of them costs nothing.
with

purchases as (

    select
        list_purchase_id,
        list_id,
        purchased_date,
        currency,
        cast(price_amount * 100 as bigint) as price_cents,
        coalesce(campaign_code, 'no_campaign') as campaign_id,
        greatest(coalesce(planned_sends, 0), 0) as planned_sends
    from {{ ref('stg_media__list_purchases') }}
    where price_amount is not null and purchased_date is not null

),

queued_purchases as (

    select
        *,
        cast(
            sum(planned_sends) over (
                partition by list_id
                order by purchased_date, list_purchase_id
                rows between unbounded preceding and current row
            ) as bigint
        ) - planned_sends as planned_before
    from purchases

),

list_movements as (

    select
        list_id,
        sent_date as movement_date,
        sends,
        0 as bought_sends
    from {{ ref('int_list_sends_counted') }}

    union all

    select
        list_id,
        purchased_date as movement_date,
        0 as sends,
        planned_sends as bought_sends
    from purchases

),

list_days as (

    select
        list_id,
        movement_date,
        cast(sum(sum(sends)) over list_so_far as bigint) as sent_so_far,
        cast(sum(sum(bought_sends)) over list_so_far as bigint) as bought_so_far
    from list_movements
    group by list_id, movement_date
    window
        list_so_far as (
            partition by list_id
            order by movement_date
            rows between unbounded preceding and current row
        )

),

-- A send before its purchase, or beyond what is bought, is covered by none, later ones neither: the
-- worst shortage so far is what stays uncovered.
covered_days as (

    select
        list_id,
        movement_date,
        sent_so_far + least(
            0,
            min(bought_so_far - sent_so_far) over (
                partition by list_id
                order by movement_date
                rows between unbounded preceding and current row
            )
        ) as covered_so_far
    from list_days

),

used_days as (

    select
        purchases.list_purchase_id,
        purchases.campaign_id,
        purchases.currency,
        purchases.price_cents,
        purchases.planned_sends,
        covered_days.movement_date,
        least(
            greatest(covered_days.covered_so_far - purchases.planned_before, 0),
            purchases.planned_sends
        ) as used_so_far
    from queued_purchases as purchases
    inner join covered_days on purchases.list_id = covered_days.list_id
    where purchases.planned_sends > 0

),

daily_uses as (

    select
        *,
        used_so_far - coalesce(
            lag(used_so_far) over (partition by list_purchase_id order by movement_date), 0
        ) as used_sends
    from used_days

),

spent as (

    select
        list_purchase_id,
        movement_date as spend_date,
        campaign_id,
        'list' as spend_kind,
        {{ exact_part('price_cents', 'used_so_far', 'used_sends', 'planned_sends') }}
            as spend_cents,
        currency,
        used_sends
    from daily_uses
    where used_sends > 0

),

spent_sums as (

    select
        list_purchase_id,
        sum(spend_cents) as spend_cents
    from spent
    group by list_purchase_id

),

-- What isn't sent yet is nobody's spend, and stays visible on the day of the purchase.
unsent as (

    select
        purchases.list_purchase_id,
        purchases.purchased_date as spend_date,
        'unallocated' as campaign_id,
        'list_unsent' as spend_kind,
        cast(purchases.price_cents - coalesce(spent_sums.spend_cents, 0) as bigint)
            as spend_cents,
        purchases.currency,
        cast(0 as bigint) as used_sends
    from purchases
    left join spent_sums on purchases.list_purchase_id = spent_sums.list_purchase_id
    where purchases.price_cents <> coalesce(spent_sums.spend_cents, 0)

),

final as (

    select * from spent
    union all
    select * from unsent

)

select * from final
