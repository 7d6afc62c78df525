"""One pretend world's files: drops, planted truth and the CRM's content.

Belongs here: which file goes where. Doesn't belong here: what happens (simulation.py), how a file
looks (the renderers), and which days a world has (generate.py).

A day is lived through from the first one on, in memory and in a second or two, and only the wanted
days are written: so each day's bytes depend on the seed and the number of people alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.event_logs import KEPT_DAYS
from touchproof_sandbox.world import calendar, files
from touchproof_sandbox.world.api_log import log_file
from touchproof_sandbox.world.bank_files import bank_files
from touchproof_sandbox.world.crm import Crm
from touchproof_sandbox.world.crm_records import OBJECTS, table_of
from touchproof_sandbox.world.flat_files import app_files, web_form_files
from touchproof_sandbox.world.ga4 import EventTable, event_table
from touchproof_sandbox.world.mail_events import mail_events
from touchproof_sandbox.world.media_files import media_files
from touchproof_sandbox.world.mess import HOSTILE, ORDINARY
from touchproof_sandbox.world.people import People, make_people
from touchproof_sandbox.world.records import BankOpening, Cause, Day, FormLead, Registration
from touchproof_sandbox.world.simulation import Simulation
from touchproof_sandbox.world.truth import causes_table, people_table, skips_table
from touchproof_sandbox.world.tv_truth import AnsweredSpots

_LOG = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GenerationReport:
    """Count what one call wrote."""

    out: str
    first_day: str
    last_day: str
    days: int
    files: int
    bytes: int
    registrations: int
    app_openings: int
    bank_openings: int
    skips: int
    spots: int


@dataclass
class _Truth:
    registrations: list[Registration] = field(default_factory=list)
    forms: list[FormLead] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    openings: list[BankOpening] = field(default_factory=list)
    spots: AnsweredSpots = field(default_factory=AnsweredSpots)
    accounts: set[str] = field(default_factory=set)

    def take(self, day: Day) -> None:
        self.registrations.extend(day.registrations)
        self.forms.extend(form for form in day.forms if form.is_ours)
        self.causes.extend(day.causes)
        self.openings.extend(day.openings)
        self.spots.take(day)
        self.accounts.update(e.account_id for e in day.ledger if e.entry_type == "opening")

    def known_causes(self) -> list[Cause]:
        """Return the causes of what has happened; a loan applied for may not be open yet."""
        return [
            cause
            for cause in self.causes
            if cause.conversion_kind != "app_opening" or cause.conversion in self.accounts
        ]


class World:
    """Make the files of one pretend world.

    Args:
        seed: Non-negative number from which everything follows.
        customers: How many people there are, at least 1.
        is_hostile: Whether the banks' records differ from ours as much as they can.

    Raises:
        BadInputError: If seed or customers are out of range.
    """

    def __init__(self, seed: int, customers: int, *, is_hostile: bool = False) -> None:
        if seed < 0 or not 1 <= customers <= 5_000_000:
            raise BadInputError(
                "A world needs a seed of at least 0 and 1 to 5,000,000 customers",
                where=f"seed {seed}, customers {customers}",
                todo="Give other numbers.",
            )
        self.seed = seed
        self.customers = customers
        self.mess = HOSTILE if is_hostile else ORDINARY
        self._people: People | None = None

    @property
    def people(self) -> People:
        """Return the world's people, made on first use."""
        if self._people is None:
            self._people = make_people(self.seed, self.customers, self.mess)
        return self._people

    def write(
        self,
        out: Path,
        first_day: int,
        last_day: int,
        *,
        seed_day: int,
        truth_day: int,
        progress: Progress | None = None,
    ) -> GenerationReport:
        """Write the drops of the days, the truth and the CRM.

        Args:
            out: The world's sandbox folder.
            first_day: Day index of the first day to write.
            last_day: Day index of the last one to write.
            seed_day: Day index whose evening the CRM's seed shows; later days give changes.
            truth_day: Day index up to which the truth reaches, not before the last day.
            progress: Called with the number of days lived and of all days.
        """
        people, truth = self.people, _Truth()
        simulation, crm = Simulation(self.seed, people), Crm(self.seed, people)
        writer = _Writer(out)
        earlier: EventTable | None = None
        for day in simulation.days(truth_day):
            truth.take(day)
            changes = crm.live(day)
            if first_day - 1 <= day.day <= last_day:
                events = event_table(self.seed, people, day)
            if first_day <= day.day <= last_day:
                self._write_drops(writer, day, events, earlier)
                if day.day > seed_day:
                    name = f"salesforce/changes/{calendar.date_of(day.day)}.json"
                    writer.write(name, files.json_bytes([vars(change) for change in changes]))
            if max(first_day, last_day - KEPT_DAYS + 1) <= day.day <= last_day:
                log_name, log = log_file(self.seed, day.day)
                writer.write(f"salesforce/logs/{log_name}", log)
            if first_day - 1 <= day.day <= last_day:
                earlier = events
            if day.day == seed_day and first_day <= seed_day:
                _write_seed(writer, crm)
            if progress is not None:
                progress(day.day + 1, truth_day + 1)
        tables = {
            "people": people_table(people, crm, truth.registrations, truth.forms, simulation.state),
            "causes": causes_table(truth.known_causes()),
            "skips": skips_table(people, truth.openings, simulation.state),
            "tv_spots": truth.spots.spots_table(),
            "tv_visits": truth.spots.visits_table(people),
        }
        for name, table in tables.items():
            writer.write(f"truth/{name}.parquet", files.parquet_bytes(table))
        report = GenerationReport(
            out=str(out),
            first_day=calendar.date_of(first_day).isoformat(),
            last_day=calendar.date_of(last_day).isoformat(),
            days=last_day - first_day + 1,
            files=writer.files,
            bytes=writer.bytes,
            registrations=len(truth.registrations),
            app_openings=len(truth.accounts),
            bank_openings=len(truth.openings),
            skips=sum(opening.why == "contacted_first" for opening in truth.openings),
            spots=truth.spots.count,
        )
        _LOG.info("wrote %s days, %s files, %s bytes", report.days, report.files, report.bytes)
        return report

    def _write_drops(
        self, writer: _Writer, day: Day, events: EventTable, earlier: EventTable | None
    ) -> None:
        date_ = calendar.date_of(day.day)
        folder = f"drops/{date_}"
        writer.write(
            f"{folder}/ga4/events_{date_:%Y%m%d}.parquet",
            files.parquet_bytes(events.as_first_exported()),
        )
        if earlier is not None:
            before = calendar.date_of(earlier.day)
            writer.write(
                f"{folder}/ga4/events_{before:%Y%m%d}.parquet", files.parquet_bytes(earlier.table)
            )
        mails = mail_events(self.seed, self.people, day)
        if mails:
            writer.write(
                f"{folder}/email/events_{date_:%Y%m%d}.json.gz",
                files.gzip_bytes(files.json_bytes(mails)),
            )
        for name, content in media_files(self.seed, self.people, day).items():
            writer.write(f"{folder}/media/{name}", content)
        for name, content in app_files(self.seed, self.people, day).items():
            writer.write(f"{folder}/app/{name}", content)
        for name, content in web_form_files(self.seed, self.people, day).items():
            writer.write(f"{folder}/web_forms/{name}", content)
        for bank, named in bank_files(self.seed, self.people, day).items():
            for name, content in named.items():
                writer.write(f"{folder}/{bank}/{name}", content)


class _Writer:
    """Write below one folder and count."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.files = 0
        self.bytes = 0

    def write(self, name: str, content: bytes) -> None:
        files.write_bytes(self._out / name, content)
        self.files += 1
        self.bytes += len(content)


def _write_seed(writer: _Writer, crm: Crm) -> None:
    for name in OBJECTS:
        table = table_of(name, list(crm.records[name].values()))
        writer.write(f"salesforce/seed/{name}.parquet", files.parquet_bytes(table))
