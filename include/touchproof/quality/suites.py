"""What values must look like: the rules of gate 1, one tuple an entity.

Belongs here: the declared rules and nothing that runs. Doesn't belong here: preparing frames
(frames.py), Great Expectations (validation.py), what happens to faulty rows (gate.py).

A rule looks at the landed text. Except for REQUIRED, an empty value passes: optional columns are
only judged where there is something. Sources that deliver at least once (GA4, e-mail, spot logs)
may repeat a key; staging makes them unique. Elsewhere a key that stands twice in one file is a
fault, and the repeat is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from touchproof.sources.bank_statements import REASONS, REMITTANCES, STATEMENTS, WORDS
from touchproof.sources.definition import SourceKind
from touchproof.sources.registry import SOURCES


class Check(StrEnum):
    """What a rule asks of a value."""

    REQUIRED = "required"
    TIME = "time"
    NOT_FUTURE = "not_future"
    FIRST_OF_MONTH = "first_of_month"
    TIME_ZONE = "time_zone"
    NUMBER = "number"
    WHOLE_NUMBER = "whole_number"
    NOT_NEGATIVE = "not_negative"
    NOT_POSITIVE = "not_positive"
    POSITIVE = "positive"
    ONE_OF = "one_of"
    EMAIL = "email"
    NOT_REPEATED = "not_repeated"


class TimeForm(StrEnum):
    """How a column writes a moment or a date; LOCAL is a wall clock's time without a zone."""

    ISO = "iso"
    LOCAL = "local"
    COMPACT_DATE = "compact_date"
    UNIX_SECONDS = "unix_seconds"
    UNIX_MICROSECONDS = "unix_microseconds"


@dataclass(frozen=True)
class Rule:
    """State one rule.

    Args:
        check: What is asked.
        column: Column asked; for NOT_REPEATED the first of the key.
        values: Allowed values of ONE_OF.
        form: How TIME and NOT_FUTURE read the column.
        key: Columns of the key of NOT_REPEATED.
        where: (column, value): judge only the rows that have this value.
    """

    check: Check
    column: str
    values: tuple[str, ...] = ()
    form: TimeForm = TimeForm.ISO
    key: tuple[str, ...] = ()
    where: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Name the rule in verdicts, reasons and reports."""
        condition = f"_of_{self.where[1]}" if self.where else ""
        return f"{self.column}{condition}_{self.check}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the landed columns that the rule needs."""
        return (self.column, *self.key, *((self.where[0],) if self.where else ()))


WHAT_TO_DO = {
    Check.REQUIRED: "Ask the sender to fill the column; release the rows if they may do without.",
    Check.TIME: "Ask the sender to write the column as agreed.",
    Check.NOT_FUTURE: "Check the sender's clock or the date; release the rows if they are right.",
    Check.FIRST_OF_MONTH: "Ask the sender which month is meant; a month is its first day.",
    Check.TIME_ZONE: "Ask the sender for the IANA name of the zone, like America/New_York.",
    Check.NUMBER: "Ask the sender to write the column as a plain number.",
    Check.WHOLE_NUMBER: "Ask the sender to write the column as a whole number, not below zero.",
    Check.NOT_NEGATIVE: "Ask the sender whether it is a correction and how it should be booked.",
    Check.NOT_POSITIVE: "Ask the sender whether the sign is right.",
    Check.POSITIVE: "Ask the sender for the number; nothing can be spread over none.",
    Check.ONE_OF: "Ask the sender what the value means, or add it to the suite.",
    Check.EMAIL: "Ask the sender to correct the address.",
    Check.NOT_REPEATED: "Ask the sender which of the rows with this key counts.",
}

EMAIL_PATTERN = r"^[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]{2,}$"
CURRENCIES = ("USD", "CAD")
PRODUCT_LINES = ("savings", "checking", "loan", "transfer", "purchase")
EMAIL_EVENTS = (
    "processed",
    "deferred",
    "delivered",
    "bounce",
    "dropped",
    "open",
    "click",
    "spamreport",
    "unsubscribe",
    "group_unsubscribe",
    "group_resubscribe",
)
COUNTRIES = ("US", "CA")


def _required(*columns: str) -> tuple[Rule, ...]:
    return tuple(Rule(Check.REQUIRED, column) for column in columns)


def _moment(column: str, form: TimeForm = TimeForm.ISO) -> tuple[Rule, ...]:
    return (Rule(Check.TIME, column, form=form), Rule(Check.NOT_FUTURE, column, form=form))


def _one_of(column: str, values: tuple[str, ...]) -> Rule:
    return Rule(Check.ONE_OF, column, values=values)


def _price(column: str) -> tuple[Rule, ...]:
    return (Rule(Check.NUMBER, column), Rule(Check.NOT_NEGATIVE, column))


def _count(column: str) -> tuple[Rule, ...]:
    return (Rule(Check.WHOLE_NUMBER, column), Rule(Check.POSITIVE, column))


def _unique(*key: str) -> Rule:
    return Rule(Check.NOT_REPEATED, key[0], key=key)


_GA4_EVENTS = (
    *_required("event_date", "event_timestamp", "event_name"),
    *_moment("event_date", TimeForm.COMPACT_DATE),
    *_moment("event_timestamp", TimeForm.UNIX_MICROSECONDS),
)
_EMAIL_EVENTS = (
    *_required("event_id", "email", "occurred_at_unix", "event"),
    *_moment("occurred_at_unix", TimeForm.UNIX_SECONDS),
    Rule(Check.EMAIL, "email"),
    _one_of("event", EMAIL_EVENTS),
)
_MEDIA_SPEND = (
    *_required("date", "platform", "campaign_code", "cost", "currency"),
    *_moment("date"),
    Rule(Check.WHOLE_NUMBER, "impressions"),
    Rule(Check.WHOLE_NUMBER, "clicks"),
    *_price("cost"),
    _one_of("currency", CURRENCIES),
    _unique("date", "platform", "campaign_code", "ad_group"),
)
# Agencies log a spot again when they learn more of it, so its key may stand twice.
_MEDIA_SPOTS = (
    *_required("spot_id", "station", "country", "campaign_code", "aired_local", "time_zone"),
    *_required("length_seconds", "cost", "currency"),
    _one_of("country", COUNTRIES),
    *_moment("aired_local", TimeForm.LOCAL),
    Rule(Check.TIME_ZONE, "time_zone"),
    *_count("length_seconds"),
    *_price("cost"),
    _one_of("currency", CURRENCIES),
)
_MEDIA_PROGRAM_COSTS = (
    *_required("program_cost_id", "campaign_code", "period_month", "cost", "currency"),
    *_moment("period_month"),
    Rule(Check.FIRST_OF_MONTH, "period_month"),
    Rule(Check.WHOLE_NUMBER, "cost"),
    _one_of("currency", CURRENCIES),
    _unique("program_cost_id"),
)
_MEDIA_LIST_PURCHASES = (
    *_required("list_purchase_id", "list_id", "campaign_code", "purchased_on"),
    *_required("planned_sends", "price", "currency"),
    *_moment("purchased_on"),
    Rule(Check.WHOLE_NUMBER, "address_count"),
    *_count("planned_sends"),
    *_price("price"),
    _one_of("currency", CURRENCIES),
    _unique("list_purchase_id"),
)
_MEDIA_PLATFORM_CLAIMS = (
    *_required("date", "platform", "campaign_code", "claimed_conversions", "currency"),
    *_required("window_days"),
    *_moment("date"),
    *_price("claimed_conversions"),
    *_price("claimed_value"),
    _one_of("currency", CURRENCIES),
    Rule(Check.WHOLE_NUMBER, "window_days"),
    _unique("date", "platform", "campaign_code", "window_days"),
)
_MEDIA_APP_INSTALLS = (
    *_required("date", "platform", "campaign_code", "installs"),
    *_moment("date"),
    Rule(Check.WHOLE_NUMBER, "installs"),
    _unique("date", "platform", "campaign_code"),
)
_APP_REGISTRATIONS = (
    *_required("registration_id", "app_user_id", "registered_at"),
    *_moment("registered_at"),
    *_moment("birth_date"),
    Rule(Check.EMAIL, "email"),
    _unique("registration_id"),
)
_APP_PRODUCTS = (
    *_required(
        "ledger_entry_id",
        "entry_type",
        "account_id",
        "app_user_id",
        "product_line",
        "occurred_at",
        "booked_date",
        "currency",
    ),
    _one_of("entry_type", ("opening", "accrual", "claw_back")),
    _one_of("product_line", PRODUCT_LINES),
    _one_of("currency", CURRENCIES),
    *_moment("occurred_at"),
    *_moment("booked_date"),
    *_moment("application_started_at"),
    Rule(Check.NUMBER, "amount"),
    Rule(Check.REQUIRED, "amount", where=("entry_type", "accrual")),
    Rule(Check.NOT_NEGATIVE, "amount", where=("entry_type", "accrual")),
    Rule(Check.REQUIRED, "amount", where=("entry_type", "claw_back")),
    Rule(Check.NOT_POSITIVE, "amount", where=("entry_type", "claw_back")),
    _unique("ledger_entry_id"),
)
_APP_CONSENTS = (
    *_required("consent_event_id", "channel", "state", "changed_at"),
    _one_of("channel", ("email", "sms", "push", "analytics")),
    _one_of("state", ("opted_in", "opted_out")),
    *_moment("changed_at"),
    Rule(Check.EMAIL, "email"),
    _unique("consent_event_id"),
)
_WEB_FORM_SUBMISSIONS = (
    *_required("submission_id", "submitted_at"),
    *_moment("submitted_at"),
    Rule(Check.EMAIL, "email"),
    _one_of("marketing_consent", ("true", "false")),
    _unique("submission_id"),
)
_BANK_OPENINGS = (
    *_required("reference", "product_line", "opened_at", "currency"),
    _one_of("product_line", PRODUCT_LINES[:4]),
    _one_of("existing_customer", ("yes", "no")),
    _one_of("currency", CURRENCIES),
    *_moment("opened_at"),
    *_moment("birth_date"),
    Rule(Check.NUMBER, "balance"),
    Rule(Check.EMAIL, "email"),
    _unique("reference"),
)
_BANK_STATEMENTS = (
    *_required("statement_id", "line_number", "statement_date", "status", "currency"),
    _one_of("status", WORDS),
    _one_of("reason_code", REASONS),
    _one_of("currency", CURRENCIES),
    *_moment("statement_date"),
    Rule(Check.NUMBER, "amount"),
    Rule(Check.NOT_NEGATIVE, "amount"),
    _unique("statement_id", "line_number"),
)
# A bank takes money back by a line below zero.
_BANK_REMITTANCES = (
    *_required("remittance_id", "line_number", "paid_date", "amount", "currency"),
    _one_of("currency", CURRENCIES),
    *_moment("paid_date"),
    Rule(Check.NUMBER, "amount"),
    Rule(Check.NUMBER, "payment_amount"),
    _unique("remittance_id", "line_number"),
)
_OF_BANKS = {
    "openings": _BANK_OPENINGS,
    STATEMENTS: _BANK_STATEMENTS,
    REMITTANCES: _BANK_REMITTANCES,
}
_SALESFORCE_OBJECT = (*_required("Id", "SystemModstamp"), *_moment("SystemModstamp"))
_SALESFORCE_USAGE = {
    "api_usage": (
        *_required("CALL_HOUR", "USER_ID", "CALLS"),
        *_moment("CALL_HOUR"),
        Rule(Check.WHOLE_NUMBER, "STATUS_CODE"),
        Rule(Check.WHOLE_NUMBER, "CALLS"),
    ),
    "api_allowance": (
        *_required("OBSERVED_DATE", "MAX_CALLS"),
        *_moment("OBSERVED_DATE"),
        Rule(Check.WHOLE_NUMBER, "MAX_CALLS"),
    ),
}

_OF_ENTITY: dict[tuple[str, str], tuple[Rule, ...]] = {
    ("ga4", "events"): _GA4_EVENTS,
    ("email", "events"): _EMAIL_EVENTS,
    ("media", "spend"): _MEDIA_SPEND,
    ("media", "spots"): _MEDIA_SPOTS,
    ("media", "program_costs"): _MEDIA_PROGRAM_COSTS,
    ("media", "list_purchases"): _MEDIA_LIST_PURCHASES,
    ("media", "platform_claims"): _MEDIA_PLATFORM_CLAIMS,
    ("media", "app_installs"): _MEDIA_APP_INSTALLS,
    ("app", "registrations"): _APP_REGISTRATIONS,
    ("app", "products"): _APP_PRODUCTS,
    ("app", "consents"): _APP_CONSENTS,
    ("web_forms", "submissions"): _WEB_FORM_SUBMISSIONS,
}


def suite_of(source: str, entity: str) -> tuple[Rule, ...] | None:
    """Return the rules of an entity in order; None where nothing is judged (our own ledger)."""
    if SOURCES[source].kind is SourceKind.LEDGER:
        return None
    if source == "salesforce":
        return _SALESFORCE_USAGE.get(entity, _SALESFORCE_OBJECT)
    if source.startswith("bank_"):
        return _OF_BANKS[entity]
    return _OF_ENTITY[(source, entity)]
