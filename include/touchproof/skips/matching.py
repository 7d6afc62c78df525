"""Which persons a bank's customer may be: records made comparable, scored, and told apart.

Belongs here: Arrow tables in, candidate pairs out, and the guards, by which a pair goes to a person
however alike it looks. Doesn't belong here: the levels (comparisons.py), the weights
(probabilistic.py), the certain keys (int_skip_keys_collected), thresholds (the banks' settings).

What can't be told apart by what a bank sends stays so: two persons with one name, birth date and
postcode differ by e-mail, phone or token only, and where those are missing by nothing.
"""

from __future__ import annotations

import logging

import duckdb
import pyarrow as pa

from touchproof.skips.comparisons import FIELDS
from touchproof.skips.probabilistic import MatchModel, score, train
from touchproof.sources.definition import typed_schema
from touchproof.warehouse import connect_memory

logger = logging.getLogger(__name__)

SCORED_SCHEMA = typed_schema(
    {
        "bank_opening_id": pa.string(),
        "person_id": pa.string(),
        "match_weight": pa.float64(),
        "comparison_detail": pa.string(),
        "match_guard": pa.string(),
    }
)
_CONTACT_IS_SAME = "(email_level = 'same' or phone_level = 'same' or token_level = 'same')"
GUARDS = (
    # Another person of the same household or mailbox: neither first name nor birth date fit.
    ("other_person", "first_name_level = 'other' and birth_date_level = 'other'"),
    # A twin, a partner or a parent: the first name is another, and nothing else is certain.
    (
        "other_first_name",
        "first_name_level = 'other' and not (email_level = 'same' and phone_level = 'same')"
        f" and (birth_date_level <> 'same' or not {_CONTACT_IS_SAME})",
    ),
    # One name in two generations, or in two places.
    (
        "other_birth_date",
        "birth_date_level = 'other' and not (email_level = 'same' and phone_level = 'same')",
    ),
    # A namesake or a twin with a like name: every e-mail and phone that both show is another.
    (
        "other_contact",
        f"(email_level = 'other' or phone_level = 'other') and not {_CONTACT_IS_SAME}",
    ),
)
"""Guard and SQL over levels; the first that is true holds."""


def score_candidates(
    openings: pa.Table,
    people: pa.Table,
    emails: pa.Table,
    certain_pairs: pa.Table,
    nicknames: pa.Table,
) -> pa.Table:
    """Compare openings with people: certain pairs, and for openings without one all likely pairs.

    Args:
        openings: `bank_opening_id`, normalised `first_name`, `last_name`, `postal_code`, the date
            `birth_date`, and `email_key`, `phone_key`, `referral_token`, of which only counts
            whether they are there; one row an opening.
        people: `person_id`, the same names, date and postcode, and `phone`; a row each way in
            which a person is written down.
        emails: `person_id` of everyone of whom we know an address; may repeat.
        certain_pairs: `bank_opening_id`, `person_id`, `match_method`; any order.
        nicknames: normalised `nickname` and `first_name`; a nickname may have several.

    Returns:
        Rows of `SCORED_SCHEMA`, sorted: `match_weight` is log2 of the odds that both are one
        person before other candidates are looked at, `comparison_detail` JSON of each field's
        level, `match_guard` the guard that holds or null. No value of a person is in it.
    """
    connection = connect_memory()
    try:
        for name, table in (
            ("given_openings", openings),
            ("given_people", people),
            ("given_emails", emails),
            ("given_pairs", certain_pairs),
            ("given_nicknames", nicknames),
        ):
            connection.register(name, table)
        prepare(connection)
        model = train(connection)
        score(connection, model)
        found = _told_apart(connection)
    finally:
        connection.close()
    _log(model, found)
    return found


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `openings`, `records`, `taught` and the names' shares from the given tables."""
    connection.execute(_NICKNAMES)
    connection.execute(_PAIRS)
    opening = _columns(
        email="o.email_key is not null", phone="o.phone_key is not null",
        link="o.referral_token is not null", own="o",
    )  # fmt: skip
    connection.execute(
        f"""
        create table openings as
        select
            o.bank_opening_id as unique_id,
            {opening},
            o.bank_opening_id as pair_key,
            not exists (
                select 1 from pairs where pairs.bank_opening_id = o.bank_opening_id
            ) as is_guessed
        from given_openings as o
        left join nickname_forms as forms on o.first_name = forms.nickname
        """
    )
    # A person with a certain pair gets a record for that opening, which has what both share.
    person = _columns(email="p.has_email", phone="p.has_phone", link="false", own="p")
    shared = _columns(
        email="pairs.has_same_email", phone="pairs.has_same_phone",
        link="pairs.has_same_token", own="p",
    ).replace("'own'", "pairs.bank_opening_id")  # fmt: skip
    connection.execute(
        """
        create table people as
        select
            *,
            person_id || '#' || row_number() over (
                partition by person_id order by first_name, last_name, birth_date, postal_code
            ) as record_id
        from (
            select distinct
                given_people.person_id, first_name, last_name, birth_date, postal_code,
                emails.person_id is not null as has_email,
                bool_or(phone is not null) over (partition by given_people.person_id) as has_phone
            from given_people
            left join (select distinct person_id from given_emails) as emails
                on given_people.person_id = emails.person_id
            union all
            -- Who is known by a browser or an address alone.
            select distinct
                pairs.person_id, null, null, null, null,
                bool_or(pairs.has_same_email), bool_or(pairs.has_same_phone)
            from pairs
            anti join given_people on pairs.person_id = given_people.person_id
            group by pairs.person_id
        )
        """
    )
    connection.execute(
        f"""
        create table records as
        select
            p.record_id as unique_id,
            p.person_id,
            {person},
            cast(null as varchar) as pair_key,
            true as is_guessed
        from people as p
        left join nickname_forms as forms on p.first_name = forms.nickname
        union all
        select
            p.record_id || '@' || pairs.bank_opening_id as unique_id,
            p.person_id,
            {shared},
            pairs.bank_opening_id as pair_key,
            false as is_guessed
        from pairs
        inner join people as p on pairs.person_id = p.person_id
        left join nickname_forms as forms on p.first_name = forms.nickname
        """
    )
    connection.execute(_TAUGHT)
    for field in FIELDS:
        if field.is_name:
            connection.execute(
                f"""
                create table shares_of_{field.name} as
                select {field.name}, count(*) / sum(count(*)) over () as tf_{field.name}
                from records
                where {field.name} is not null and is_guessed
                group by {field.name}
                """
            )


def _columns(*, email: str, phone: str, link: str, own: str) -> str:
    """Return SQL of the compared columns; `own` names the table that has the given ones.

    An address that both sides share has the opening's id on both, another one a mark: the values
    themselves don't come here.
    """
    mark = "'own'"
    if own == "o":
        contact = {
            "email": f"case when {email} then o.bank_opening_id end",
            "phone": f"case when {phone} then o.bank_opening_id end",
            "token": f"case when {link} then o.bank_opening_id end",
        }
    else:
        contact = {
            "email": f"case when {email} then {mark} when p.has_email then 'another' end",
            "phone": f"case when {phone} then {mark} when p.has_phone then 'another' end",
            "token": f"case when {link} then {mark} end",
        }
    birth = f"cast({own}.birth_date as varchar)"
    day, month = f"day({own}.birth_date)", f"month({own}.birth_date)"
    return f"""
        {own}.first_name,
        coalesce(forms.root, {own}.first_name) as first_root,
        list_append(coalesce(forms.forms, []), {own}.first_name) as first_forms,
        left({own}.first_name, 1) as initial,
        {own}.last_name,
        {birth} as birth_date,
        year({own}.birth_date) as birth_year,
        year({own}.birth_date) || '-' || least({day}, {month}) || '-' || greatest({day}, {month})
            as birth_key,
        {own}.postal_code,
        left({own}.postal_code, 3) as area,
        {contact["email"]} as email,
        {contact["phone"]} as phone,
        {contact["token"]} as token,
        {own}.last_name is not null as is_described"""


_NICKNAMES = """
create table nickname_forms as
select nickname, min(first_name) as root, list(distinct first_name order by first_name) as forms
from given_nicknames
group by nickname
"""
_PAIRS = """
create table pairs as
select
    bank_opening_id,
    person_id,
    bool_or(match_method in ('email', 'blind_match')) as has_same_email,
    bool_or(match_method = 'phone') as has_same_phone,
    bool_or(match_method = 'referral_token') as has_same_token,
    bool_or(match_method = 'name_birth_postcode') as has_same_name,
    count(*) over (partition by bank_opening_id) as candidates
from given_pairs
group by bank_opening_id, person_id
"""
# An opening with one certain person teaches; of the person's records the first that is complete.
_TAUGHT = """
create table taught as
select
    pairs.bank_opening_id as opening_id,
    records.unique_id as record_id,
    kinds.by_contact
from pairs
cross join (values (true), (false)) as kinds(by_contact)
inner join records
    on pairs.person_id = records.person_id and pairs.bank_opening_id = records.pair_key
where
    pairs.candidates = 1
    and records.is_described
    and case
        when kinds.by_contact
            then pairs.has_same_email or pairs.has_same_phone or pairs.has_same_token
        else pairs.has_same_name
    end
qualify row_number() over (
    partition by pairs.bank_opening_id, kinds.by_contact
    order by records.birth_date is null, records.postal_code is null, records.unique_id
) = 1
"""


def _told_apart(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    detail = ", ".join(f"'{field.name}', {field.name}_level" for field in FIELDS)
    branches = " ".join(f"when {condition} then '{guard}'" for guard, condition in GUARDS)
    table: pa.Table = connection.sql(
        f"""
        select
            scored.bank_opening_id,
            scored.person_id,
            scored.match_weight,
            cast(json_object({detail}) as varchar) as comparison_detail,
            case {branches} end as match_guard
        from scored
        order by scored.bank_opening_id, scored.person_id
        """
    ).to_arrow_table()
    return table.cast(SCORED_SCHEMA)


def _log(model: MatchModel, found: pa.Table) -> None:
    logger.info(
        "scored %s pairs among %s persons; learnt from %s pairs by contact, %s by name",
        found.num_rows,
        model.persons,
        model.contact_pairs,
        model.name_pairs,
    )
