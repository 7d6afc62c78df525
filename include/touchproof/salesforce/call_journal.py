"""The journal of push calls: each stands in the ledger before it is sent.

Belongs here: the ledger's table `push_calls`, and the judgement of calls without an answer. Doesn't
belong here: sending (session.py), what a job spent (outbox.py).

A call without an answer may have arrived or not, and counts. It is struck out in two cases only:
no connection came about, or the org's own count of calls, as the next answer tells it, leaves no
room for it: it grew by exactly the calls that were answered since, those of our other lane among
them, so nobody else called either. The count is of the last 24 hours: calls of ours that left it
meanwhile are added again. A call of somebody else that left it at that very moment can't be told
from a call of ours that never arrived: then one call too few is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import Connection, func, select, update

from touchproof.clock import Clock
from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.session import CallCounter

SENT, ANSWERED, UNSENT = "sent", "answered", "unsent"
_DAY = timedelta(hours=24)  # what the org's count goes back


@dataclass(frozen=True)
class Standing:
    """Say what is known between two answers that told the use of the allowance.

    Args:
        used: Calls that the org had counted at the last of them; None before the first.
        since: Number of that call in the ledger.
        answered: Calls answered since without telling it.
        doubtful: Calls since without an answer, oldest first.
    """

    used: int | None = None
    answered: int = 0
    doubtful: tuple[int, ...] = ()
    since: int = 0


def never_arrived(standing: Standing, used: int) -> tuple[int, ...]:
    """Return the doubtful calls that can't have arrived, now that an answer told the use.

    Args:
        standing: What was known before.
        used: Calls that the org has counted now, less those of our other lane since, and with those
            of ours that have fallen out of its count since.

    Where the org's count fell (calls of yesterday fell out of it) or grew by more than our own
    calls, nothing can be told, and all of them count.
    """
    if standing.used is None:
        return ()
    arrived = used - standing.used - standing.answered - 1
    if not 0 <= arrived < len(standing.doubtful):
        return ()
    return standing.doubtful[arrived:]


class LedgerJournal:
    """Keep the push calls of one lane in the ledger, by one commit a call.

    What became of a call is written with the next one: a killed process may leave an answered call
    without its answer, which then counts as any other that may have arrived.

    Args:
        ledger: The world's ledger.
        lane: The lane; one push of it runs at a time.
        night: The night that the calls belong to.
        clock: Tells when a call was sent.
    """

    def __init__(self, ledger: Ledger, lane: str, night: date, clock: Clock) -> None:
        self._ledger = ledger
        self._lane = lane
        self._night = night
        self._clock = clock
        self._own: set[int] = set()
        self._pending: list[tuple[int, str, int | None]] = []
        self._standing = self._read_standing()

    @property
    def calls(self) -> int:
        """Return the calls of this run, without those that are known not to have arrived."""
        return len(self._own)

    def sent(self, request: str) -> int:
        """Note a request that is about to be sent; return its number."""
        row = {
            "lane": self._lane,
            "night": self._night,
            "request": request,
            "sent_at": self._clock(),
            "outcome": SENT,
        }
        with self._ledger.transaction() as connection:
            self._write_pending(connection)
            inserted = connection.execute(schema.push_calls.insert(), row).inserted_primary_key
        assert inserted is not None  # noqa: S101  one row was inserted
        call = int(inserted[0])
        self._own.add(call)
        return call

    def answered(self, call: int, usage: LimitUsage | None) -> None:
        """Note that a call was answered, and judge the calls that weren't."""
        known = self._standing
        self._pending.append((call, ANSWERED, usage.used if usage else None))
        if usage is None:
            self._standing = replace(known, answered=known.answered + 1)
            return
        if known.used is not None and known.doubtful:
            others = self._calls_of_others(known, usage.used)
            left = self._calls_that_left(known)
            for struck in never_arrived(known, usage.used - others + left):
                self._strike_out(struck)
        self._standing = Standing(usage.used, since=call)

    def unanswered(self, call: int, *, is_unsent: bool) -> None:
        """Note that no answer came, or that the request never left."""
        known = self._standing
        if is_unsent:
            self._strike_out(call)
        else:
            self._standing = replace(known, doubtful=(*known.doubtful, call))

    @contextmanager
    def keeping(self, counter: CallCounter) -> Iterator[None]:
        """Keep a client's push calls in the ledger from here on, the last ones' answers too."""
        counter.keep_in(self)
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Write what became of the last calls."""
        if self._pending:
            with self._ledger.transaction() as connection:
                self._write_pending(connection)

    def _strike_out(self, call: int) -> None:
        self._pending.append((call, UNSENT, None))
        self._own.discard(call)

    def _write_pending(self, connection: Connection) -> None:
        table = schema.push_calls
        for call, outcome, used in self._pending:
            query = update(table).where(table.c.id == call)
            connection.execute(query.values(outcome=outcome, api_used=used))
        self._pending.clear()

    def _read_standing(self) -> Standing:
        """Return the standing that the last run of the lane left, killed or not."""
        table = schema.push_calls
        with self._ledger.reading() as connection:
            told = connection.execute(
                select(table.c.id, table.c.api_used)
                .where(table.c.lane == self._lane, table.c.api_used.is_not(None))
                .order_by(table.c.id.desc())
                .limit(1)
            ).first()
            since = connection.execute(
                select(table.c.id, table.c.outcome)
                .where(table.c.lane == self._lane, table.c.id > (told.id if told else 0))
                .order_by(table.c.id)
            ).all()
        outcomes = [(int(row.id), row.outcome) for row in since]
        return Standing(
            told.api_used if told else None,
            sum(outcome == ANSWERED for _, outcome in outcomes),
            tuple(call for call, outcome in outcomes if outcome == SENT),
            told.id if told else 0,
        )

    def _calls_of_others(self, known: Standing, used: int) -> int:
        """Return how many answers to our other lane told a use between the last one and now."""
        table = schema.push_calls
        query = (
            select(func.count())
            .select_from(table)
            .where(
                table.c.lane != self._lane,
                table.c.id > known.since,
                table.c.api_used > known.used,
                table.c.api_used < used,
            )
        )
        with self._ledger.reading() as connection:
            return int(connection.scalar(query) or 0)

    def _calls_that_left(self, known: Standing) -> int:
        """Return how many of our calls have grown older than a day since the last use was told."""
        table = schema.push_calls
        last = select(table.c.sent_at).where(table.c.id == known.since)
        with self._ledger.reading() as connection:
            told_at = connection.scalar(last)
            if told_at is None:
                return 0
            query = (
                select(func.count())
                .select_from(table)
                .where(
                    table.c.outcome != UNSENT,
                    table.c.sent_at > told_at - _DAY,
                    table.c.sent_at <= self._clock() - _DAY,
                )
            )
            return int(connection.scalar(query) or 0)


def count_push_calls(ledger: Ledger, night: date | None = None) -> int:
    """Return how many push calls the ledger has, of one night or of all."""
    table = schema.push_calls
    query = select(func.count()).select_from(table).where(table.c.outcome != UNSENT)
    if night is not None:
        query = query.where(table.c.night == night)
    with ledger.reading() as connection:
        return int(connection.scalar(query) or 0)
