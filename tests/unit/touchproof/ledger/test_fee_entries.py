"""A ledger from before the entries is booked by its migration, and entries never change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from touchproof.ledger import engine, schema
from touchproof.ledger.claims import rows_of
from touchproof.ledger.engine import open_engine
from touchproof.ledger.fee_entries import entries_of_change
from touchproof.ledger.store import Ledger

NOW, LATER = "2026-05-01 05:00:00.000000", "2026-06-01 05:00:00.000000"
CLAIMS = ("c0", "c1", "c2", "c3")


def first_ledger(path: Path, upgraded_to: str = "0001") -> str:
    """Make a ledger with four claims of revision 0001 and bring it to a later one."""
    url = f"sqlite:///{path}"
    opened = open_engine(url)
    with opened.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with closing(sqlite3.connect(path)) as connection:
        for number, (status, accepted) in enumerate(
            [("candidate", None), ("issued", None), ("paid", 4000), ("rejected", 4000)]
        ):
            issued = None if status == "candidate" else NOW
            connection.execute(
                "insert into claims values (?, 'north', ?, 'referral', 'per', 'loan', ?, ?, ?,"
                " 5000, ?, null, 'USD', null, ?, ?, ?, ?)",
                (f"c{number}", f"north:{number}", NOW, "2026-05-01", status, accepted, NOW, issued,
                 NOW if accepted else None, NOW),
            )  # fmt: skip
        connection.commit()
    with opened.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, upgraded_to)
    return url


def test_the_migration_books_what_earlier_claims_amount_to(tmp_path: Path) -> None:
    ledger = Ledger(first_ledger(tmp_path / "old.sqlite"), "test")
    table = schema.fee_entries
    query = select(table.c.claim_id, table.c.kind, func.sum(table.c.cents)).group_by(
        table.c.claim_id, table.c.kind
    )
    with ledger.reading() as connection:
        found = sorted(tuple(row) for row in connection.execute(query))
        entered = connection.scalars(select(table.c.entered_at).distinct()).all()
    assert found == [
        ("c1", "billed", 5000),
        ("c1", "constrained", 5000),
        ("c2", "billed", 5000),
        ("c2", "earned", 4000),
        ("c3", "billed", 5000),
    ]
    assert [moment.isoformat() for moment in entered] == ["2026-05-01T05:00:00+00:00"]


def test_the_migration_books_each_correction_that_was_told_once_and_withdrawals_not_again(
    tmp_path: Path,
) -> None:
    url = first_ledger(tmp_path / "old.sqlite", "0003")
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection:
        connection.execute(
            "insert into packs values ('north', 1, '2026-05', 'issued', '2026-06-01', 'h', null,"
            " 0, '{}', 'os:ann', ?)",
            (NOW,),
        )
        for number, (claim_id, change, cents) in enumerate(
            [("c1", "fee_corrected", 70), ("c2", "fee_corrected", -30), ("c3", "withdrawn", -5000)]
        ):
            connection.execute(
                "insert into pack_adjustments values ('north', 1, ?, ?, ?, 'fee_cents', '', '', ?,"
                " 'USD', null, ?, 'r')",
                (number, claim_id, change, cents, LATER),
            )
        connection.commit()
    ledger, table = Ledger(url, "test"), schema.fee_entries
    query = select(table.c.claim_id, table.c.kind, table.c.cents, table.c.entered_at)
    with ledger.reading() as connection:
        found = connection.execute(query.order_by(table.c.id)).all()
        owed = {key: row.owed_cents for key, row in rows_of(connection, CLAIMS).items()}
    assert [tuple(row)[:3] for row in found if row.entered_at.month == 6] == [
        ("c1", "billed", 70),
        ("c2", "billed", -30),
        ("c1", "constrained", 70),
    ]
    assert owed == {"c0": 0, "c1": 5070, "c2": 4970, "c3": 5000}


def test_an_entry_is_never_changed_or_removed(
    ledger: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    row = {"bank_id": "north", "kind": "received", "cents": 1, "currency": "USD",
           "entered_at": fixed_clock(), "actor": "os:ann", "reason": "r"}  # fmt: skip
    with ledger.transaction() as connection:
        connection.execute(schema.fee_entries.insert(), [row])
    for statement in (schema.fee_entries.update().values(cents=2), schema.fee_entries.delete()):
        with pytest.raises(IntegrityError, match="append-only"), ledger.transaction() as connection:
            connection.execute(statement)


def _claim(
    status: str, accepted: int | None = None, paid: int | None = None, owed: int = 5000
) -> dict[str, object]:
    return {"claim_id": "c", "bank_id": "north", "currency": "USD", "status": status,
            "owed_cents": owed, "accepted_cents": accepted, "paid_cents": paid}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (_claim("candidate", owed=0), _claim("issued"), {"billed": 5000, "constrained": 5000}),
        (_claim("issued"), _claim("issued", owed=6000), {"billed": 1000, "constrained": 1000}),
        (_claim("disputed"), _claim("disputed", owed=1), {"billed": -4999, "constrained": -4999}),
        (_claim("accepted", 4000), _claim("accepted", 4000, owed=6000), {"billed": 1000}),
        (_claim("paid", 4000, 4000), _claim("paid", 3000, 4000, owed=3000),
         {"billed": -2000, "reversed": -1000}),
        (_claim("withdrawn"), _claim("withdrawn", owed=6000), {"billed": 1000}),
        (_claim("issued"), _claim("accepted", 4000), {"constrained": -5000, "earned": 4000}),
        (_claim("issued"), _claim("rejected"), {"constrained": -5000}),
        (_claim("accepted", 4000), _claim("accepted", 3000), {"reversed": -1000}),
        (_claim("accepted", 4000), _claim("paid", 4000, 4000), {}),
        (_claim("paid", 4000, 4000), _claim("disputed", 4000, 4000),
         {"constrained": 5000, "reversed": -4000}),
        (_claim("disputed", 4000, 4000), _claim("accepted", 4000, 4000),
         {"constrained": -5000, "earned": 4000}),
        (_claim("paid", 4000, 4000), _claim("clawed_back", 4000, 4000), {"clawed_back": -4000}),
        (_claim("part_paid", 4000, 1000), _claim("written_off", 4000, 1000),
         {"written_off": -3000}),
        (_claim("rejected"), _claim("written_off"), {}),
        (_claim("disputed", 4000), _claim("withdrawn", 4000), {"constrained": -5000}),
    ],
)  # fmt: skip
def test_each_change_of_a_claim_books_what_it_means(
    before: dict[str, object],
    after: dict[str, object],
    expected: dict[str, int],
    fixed_clock: Callable[[], datetime],
) -> None:
    entries = entries_of_change(before, after, fixed_clock(), "os:ann", "why")
    assert {entry.kind: entry.cents for entry in entries} == expected
