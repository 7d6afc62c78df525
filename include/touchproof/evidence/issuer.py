"""Issuing one bank's packs: whole or not at all, once, and never changed.

Belongs here: the order of the durable steps, finishing what a killed run left, refusing to rewrite.
Doesn't belong here: a pack's bytes (pack.py), its folders (pack_folders.py), what has changed since
(adjustments.py), the ledger's rows (pack_ledger.py), which banks and months are asked for
(export.py).

Steps of one pack, each durable before the next:

0. the signing key's public half in `evidence/public_keys/`;
1. the files, whole and signed, in `evidence/.staging/`;
2. one ledger transaction: the pack is planned (number, head hash, moment, claims) and its claims
   are bound to it;
3. a rename to `evidence/<bank_id>/<pack_number>/`;
4. one ledger transaction: the claims are issued, the pack's row is closed for ever.

Killed before 2, nothing was issued and the next run starts anew; killed later, the next run
finishes the same bytes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import touchproof
from touchproof.clock import Clock
from touchproof.durable import fsync
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import basis
from touchproof.evidence import pack_format as form
from touchproof.evidence.adjustments import find_adjustments
from touchproof.evidence.gates import require_gates_passed
from touchproof.evidence.keys import publish_key
from touchproof.evidence.lines import AdjustmentLine, PackHeader
from touchproof.evidence.pack import build_pack
from touchproof.evidence.pack_folders import PackFolders
from touchproof.evidence.pack_ledger import (
    PackRow,
    finish_pack,
    ledger_states,
    open_claims,
    pack_rows,
    planned_claims,
    record_plan,
)
from touchproof.evidence.periods import PlannedPack, plan_packs
from touchproof.evidence.signing import Signer, signer_of
from touchproof.evidence.told import told_claims
from touchproof.evidence.trail import EvidenceHandoff
from touchproof.evidence.verify_pack import PackCheck
from touchproof.handoff import VERSIONS, read_handoff
from touchproof.ledger.claims import ELIGIBLE
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackReport:
    """Tell about one pack of a bank after an export.

    Args:
        bank_id: The bank.
        pack_number: Its number in the bank's chain, from 1.
        period: Month `YYYY-MM`.
        path: Its folder, relative to the world's.
        claims: Claims in it.
        touches: Contacts in it.
        adjustments: What it tells anew about earlier packs.
        fees: Cents by currency.
        manifest_sha256: The head hash that is handed over with the pack.
        issued_at: Fixed once.
        outcome: `issued` now, `finished` (a killed run had begun it) or `unchanged`.
    """

    bank_id: str
    pack_number: int
    period: str
    path: str
    claims: int
    touches: int
    adjustments: int
    fees: Mapping[str, int]
    manifest_sha256: str
    issued_at: datetime
    outcome: str


class Issuer:
    """Issue the packs of one export; the caller holds the export lock."""

    def __init__(
        self,
        settings: Settings,
        evidence: EvidenceHandoff,
        clock: Clock,
        actor: str,
        step: Callable[[str], None],
        signer: Signer | None = None,
    ) -> None:
        self.settings = settings
        self.folders = PackFolders(settings.paths.evidence, settings.paths.public_keys)
        self.ledger = Ledger.of(settings)
        self.evidence = evidence
        self.clock = clock
        self.actor = actor
        self.step = step
        self._given = signer

    @cached_property
    def signer(self) -> Signer:
        """Return who signs, once something is to be signed; its public key is there from then."""
        signer = self._given or signer_of(self.settings)
        there = publish_key(self.settings.paths.public_keys, signer.public)
        fsync(self.settings.paths.public_keys)
        self.step("key")
        return replace(signer, public=there)

    def issue_bank(self, bank_id: str, until: str, *, adjust_now: bool = False) -> list[PackReport]:
        """Finish, check and issue one bank's packs up to a period.

        Args:
            bank_id: The bank.
            until: The newest period that may be issued.
            adjust_now: Issue what has changed in a pack of its own, even if no month is due.
        """
        if not re.fullmatch(r"[a-z0-9_]{1,60}", bank_id) or bank_id == form.PUBLIC_KEYS:
            raise BadInputError("A bank's id can't name a folder", where="bank_id")
        reports, checks = [], []
        rows = pack_rows(self.ledger, bank_id)
        for row in rows:
            is_issued = row.state == "issued"
            checks.append(self.folders.require_unchanged(row) if is_issued else self._finish(row))
            outcome = "unchanged" if is_issued else "finished"
            reports.append(self._report(row, checks[-1], outcome))
        eligible = self._eligible_ids()
        opened = {
            claim_id: claim["opened_date"]
            for claim_id, claim in open_claims(self.ledger, bank_id).items()
            if claim_id in eligible
        }
        last = rows[-1] if rows else None
        due = plan_packs(opened, last.period if last else None, until)
        changed = self.adjustments(bank_id, checks)
        if changed and not due and last and (last.period < until or adjust_now):
            due = [PlannedPack(max(last.period, until), ())]
        for pack in due:
            last, check = self._issue(bank_id, pack, last, changed, checks)
            checks.append(check)
            reports.append(self._report(last, check, "issued"))
            changed = []  # the first pack has told it
        self.folders.require_no_strangers(bank_id, pack_rows(self.ledger, bank_id))
        return reports

    def adjustments(self, bank_id: str, checks: Sequence[PackCheck]) -> list[AdjustmentLine]:
        """Return what has changed since the bank was told, by ledger and handoff."""
        if not checks:
            return []
        told, faults = told_claims(check.told for check in checks)
        if faults:
            number, what = faults[0]
            raise CheckFailedError(f"A pack's adjustments don't add up: {what}", where=f"{number}")
        terms = basis.terms_of_bank(self.evidence, bank_id)
        fees = {claim.claim_id: claim.fee_cents for claim in told.values()}
        today = self.evidence.today(bank_id, fees, terms)
        return find_adjustments(told, ledger_states(self.ledger, bank_id), today)

    def _eligible_ids(self) -> set[str]:
        rows = self.evidence.referrals.select(["claim_id", "eligibility"]).to_pylist()
        return {str(row["claim_id"]) for row in rows if row["eligibility"] == ELIGIBLE}

    def _issue(
        self,
        bank_id: str,
        due: PlannedPack,
        last: PackRow | None,
        changed: Sequence[AdjustmentLine],
        earlier: Sequence[PackCheck],
    ) -> tuple[PackRow, PackCheck]:
        require_gates_passed(self.ledger, self.evidence.handoff.night)
        number = last.pack_number + 1 if last else 1
        now = self.clock().astimezone(UTC).replace(microsecond=0)
        row = PackRow(
            bank_id=bank_id,
            pack_number=number,
            period=due.period,
            state="planned",
            night=self.evidence.handoff.night,
            head_sha256="",
            previous_sha256=last.head_sha256 if last else None,
            claim_ids=due.claim_ids,
            handoff=self.evidence.handoff.version,
            code_version=touchproof.__version__,
            business_timezone=self.settings.business_timezone,
            actor=self.actor,
            issued_at=max(now, last.issued_at) if last else now,
            kind="claims" if due.claim_ids else "adjustment",
            key_id=self.signer.public.key_id,
            adjustments=tuple(changed),
        )
        self.signer.require_valid_at(row.issued_at)
        claims = open_claims(self.ledger, bank_id)
        files = self._build(row, {name: claims[name] for name in due.claim_ids}, self.evidence)
        row = replace(row, head_sha256=form.sha256(files[form.MANIFEST]))
        self.folders.require_free(row)
        self.folders.stage(row, files)
        self.folders.require_sound(row, earlier)
        self.step("staged")
        record_plan(self.ledger, row)
        self.step("planned")
        return row, self._place(row)

    def _finish(self, row: PackRow) -> PackCheck:
        """Finish a pack that a killed run has planned, with the same bytes."""
        if (
            not self.folders.folder(row).exists()
            and self.folders.staged_head(row) != row.head_sha256
        ):
            if self.signer.public.key_id != row.key_id:
                raise CheckFailedError(
                    f"A planned pack's files are gone, and only the key {row.key_id} can sign it",
                    where=row.name,
                    todo="Put that key into the connection for one run.",
                )
            versions = self.settings.paths.handoff(row.night).parent / VERSIONS
            evidence = EvidenceHandoff(read_handoff(versions / row.handoff))
            files = self._build(row, planned_claims(self.ledger, row), evidence)
            if form.sha256(files[form.MANIFEST]) != row.head_sha256:
                raise CheckFailedError(
                    "A planned pack's files are gone and can't be made again as they were",
                    where=row.name,
                    todo="Restore the world's evidence folder from its backup.",
                )
            self.folders.stage(row, files)
        return self._place(row)

    def _build(
        self,
        row: PackRow,
        claims: Mapping[str, Mapping[str, object]],
        evidence: EvidenceHandoff,
    ) -> dict[str, bytes]:
        terms = basis.terms_of_bank(evidence, row.bank_id)
        claim_lines, touch_lines = evidence.lines(row.bank_id, claims, terms)
        public = self.signer.public
        header = PackHeader(
            kind=row.kind,
            bank_id=row.bank_id,
            pack_number=row.pack_number,
            period=row.period,
            business_timezone=row.business_timezone,
            night=row.night,
            issued_at=row.issued_at,
            is_sandbox=public.is_sandbox,
            key_id=public.key_id,
            key_sha256=public.sha256,
            code=basis.code(evidence, row.code_version),
            previous_manifest_sha256=row.previous_sha256,
        )
        files = build_pack(
            header,
            claim_lines,
            touch_lines,
            basis.batch_hashes(self.settings.paths.landing, touch_lines),
            adjustments=row.adjustments,
            terms=terms,
            rules=basis.rules(evidence),
            methods=basis.methods(evidence),
        )
        return {**files, form.SIGNATURE: self.signer.sign(files[form.MANIFEST])}

    def _place(self, row: PackRow) -> PackCheck:
        """Bring a planned pack to its place and close it in the ledger."""
        self.folders.place(row, self.step)
        check = self.folders.require_unchanged(row)
        finish_pack(self.ledger, row)
        self.step("issued")
        _LOG.info("pack %s issued: %d claims", row.name, len(row.claim_ids))
        return check

    def _report(self, row: PackRow, check: PackCheck, outcome: str) -> PackReport:
        return PackReport(
            bank_id=row.bank_id,
            pack_number=row.pack_number,
            period=row.period,
            path=self.folders.folder(row).relative_to(self.settings.paths.root).as_posix(),
            claims=len(check.claim_ids),
            touches=check.touches,
            adjustments=check.adjustments,
            fees=check.cents,
            manifest_sha256=row.head_sha256,
            issued_at=row.issued_at,
            outcome=outcome,
        )
