"""What a pack tells: its header, claims, contacts, adjustments and the terms that they rest on.

Belongs here: the frozen shapes that pass between reading (trail.py, adjustments.py), making
(pack.py) and drawing (workbook.py, pdf.py). Doesn't belong here: files, bytes, the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from touchproof.evidence.pack_format import folder_name


@dataclass(frozen=True)
class ClaimLine:
    """Show one claim to its bank; times are UTC, `bank_reference` is the bank's own."""

    claim_id: str
    bank_reference: str
    product_line: str
    fee_kind: str
    contract_version: str
    clause: str
    referral_window_days: int
    opened_date: date
    opened_at: datetime
    is_date_only: bool
    first_touched_at: datetime
    match_method: str
    fee_cents: int
    currency: str


@dataclass(frozen=True)
class TouchLine:
    """Show one contact before an opening; `source_event_id` is a pseudonym."""

    claim_id: str
    touch_number: int
    touched_at: datetime
    channel: str
    interaction: str
    source_system: str
    source_event_id: str
    batch: str
    landed_at: datetime


@dataclass(frozen=True)
class AdjustmentLine:
    """Correct one fact of one claim that an earlier pack of the same bank told.

    Args:
        claim_id: The claim.
        bank_reference: The bank's own reference.
        issued_in_pack: Number of the pack that put the claim.
        change: What happened, e.g. `fee_corrected`; see adjustments.py.
        field: What was told.
        before: As it was told last.
        after: As it is now.
        fee_change_cents: What this does to what the bank owes.
        currency: Of the claim.
        changed_at: When a person moved the claim; None for what the data shows.
        reason: Why.
    """

    claim_id: str
    bank_reference: str
    issued_in_pack: int
    change: str
    field: str
    before: str
    after: str
    fee_change_cents: int
    currency: str
    changed_at: datetime | None
    reason: str


@dataclass(frozen=True)
class Terms:
    """Hold one line of a bank's terms; `other` are further conditions, as (name, text)."""

    contract_version: str
    clause: str
    product_line: str
    fee_kind: str
    fee_cents: int
    currency: str
    valid_from_date: date
    valid_to_date: date | None
    referral_window_days: int
    other: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rule:
    """Hold one rule of eligibility: what it is called, what it does and its sentence."""

    code: str
    outcome: str
    sentence: str


@dataclass(frozen=True)
class Method:
    """Hold one method of matching, the surest tier first."""

    tier: int
    name: str
    sentence: str


@dataclass(frozen=True)
class Code:
    """Say what computed the lines: touchproof's version and the dbt project that built them.

    Args:
        version: touchproof's version.
        dbt_sha256: Of the sorted lines `<sha256> <path>` of the dbt project's files.
        dbt_files: How many files that are.
        queries: Text of the models that gave the lines, by path.
    """

    version: str
    dbt_sha256: str
    dbt_files: int
    queries: Mapping[str, str]


@dataclass(frozen=True)
class PackHeader:
    """Fix what isn't in the lines: who, which number and month, when, by which code and key."""

    kind: str
    bank_id: str
    pack_number: int
    period: str
    business_timezone: str
    night: date
    issued_at: datetime
    is_sandbox: bool
    key_id: str
    key_sha256: str
    code: Code
    previous_manifest_sha256: str | None

    @property
    def name(self) -> str:
        return f"{self.bank_id}/{folder_name(self.pack_number)}"


@dataclass(frozen=True)
class PackContent:
    """Hold all that a pack tells, ordered: claims by opening, contacts by claim and number."""

    header: PackHeader
    pack_id: str
    claims: Sequence[ClaimLine]
    trails: Mapping[str, Sequence[TouchLine]]
    adjustments: Sequence[AdjustmentLine]
    terms: Sequence[Terms]
    rules: Sequence[Rule]
    methods: Sequence[Method]
