{% set channels = ['email', 'sms', 'push', 'analytics'] %}

-- For one identifier the latest word counts; for one person an opt-out by any identifier does.
with

latest_words as (

    select * from {{ latest_consent_words() }} as latest_rows

),

person_words as (

    select
        identifiers.person_id,
        latest_words.channel,
        latest_words.consent_state,
        latest_words.changed_at
    from latest_words
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            latest_words.identifier_type = identifiers.identifier_type
            and latest_words.identifier = identifiers.identifier

    union all

    -- What the ledger suppresses stays suppressed whatever the sources say.
    select
        identifiers.person_id,
        {{ suppressed_channel('suppressions.channel') }} as channel,
        'opted_out' as consent_state,
        suppressions.suppressed_at as changed_at
    from {{ ref('stg_ledger__suppressions') }} as suppressions
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on suppressions.identifier_hmac = identifiers.identifier_hmac

),

person_states as (

    select
        person_id,
        {% for channel in channels %}
        max(
            case when channel = '{{ channel }}' then consent_state end
        ) as {{ channel }}_state,
        {% endfor %}
        max(changed_at) as changed_at
    from person_words
    group by person_id

),

persons as (

    select distinct person_id
    from {{ ref('int_person_identifiers') }}

),

final as (

    select
        persons.person_id,
        person_states.changed_at,
        {% for channel in channels %}
        coalesce(person_states.{{ channel }}_state, 'unknown') as {{ channel }}_state,
        {% endfor %}
    {% for channel in channels if channel != 'analytics' %}
    coalesce(
        person_states.{{ channel }}_state = 'opted_out', false
    ) as is_opted_out_of_{{ channel }}{{ ',' if not loop.last }}
    {% endfor %}
    from persons
    left join person_states on persons.person_id = person_states.person_id

)

select * from final
