"""What has changed since packs were issued: a chain compared with today's ledger and handoff.

Belongs here: the comparison as a person asks for it. Doesn't belong here: telling it to the bank
(the next pack does), the comparison itself (adjustments.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from touchproof.errors import BadInputError
from touchproof.evidence import basis
from touchproof.evidence import pack_format as form
from touchproof.evidence.adjustments import find_adjustments
from touchproof.evidence.lines import AdjustmentLine
from touchproof.evidence.pack_ledger import ledger_states, pack_rows
from touchproof.evidence.told import told_claims
from touchproof.evidence.trail import EvidenceHandoff
from touchproof.evidence.verify import read_chain
from touchproof.handoff import committed_handoff
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings


@dataclass(frozen=True)
class DriftReport:
    """Tell how a chain differs from the world.

    Args:
        night: The night that it was compared with, ISO.
        claims: How many of the chain's claims differ now.
        lines: Each difference, as the next pack would tell it.
        faults: Packs that the ledger issued otherwise or not at all: those are no drift.
    """

    night: str
    claims: int
    lines: tuple[AdjustmentLine, ...]
    faults: tuple[str, ...]

    @property
    def sentences(self) -> list[str]:
        """Say each difference in a sentence, after a first one that counts."""
        told = [
            f"{line.claim_id} (pack {form.folder_name(line.issued_in_pack)}): {line.change}, "
            f"{line.field} {line.before or 'none'} → {line.after or 'none'}"
            for line in self.lines
        ]
        if not told:
            return [f"Nothing has changed since the issue, as of night {self.night}."]
        return [f"{self.claims} claims differ from what was told, as of night {self.night}:", *told]


def against_warehouse(settings: Settings, bank_folder: Path) -> DriftReport:
    """Compare a bank's whole chain with the newest committed night and the ledger.

    Raises:
        BadInputError: If nothing is published, or the folder isn't a bank's chain.
    """
    handoff = committed_handoff(settings)
    if handoff is None:
        raise BadInputError("Nothing has been published yet", where=settings.world)
    packs = read_chain(bank_folder.resolve())
    if any(pack.manifest is None for pack in packs) or packs[0].pack_number != 1:
        raise BadInputError(
            "Only a bank's whole chain can be compared with the warehouse", where=bank_folder.name
        )
    bank_id = str(packs[0].bank_id)
    ledger, evidence = Ledger.of(settings), EvidenceHandoff(handoff)
    heads = {row.pack_number: row.head_sha256 for row in pack_rows(ledger, bank_id)}
    faults = [
        f"{pack.name}: isn't the pack that the ledger has issued"
        for pack in packs
        if heads.get(pack.pack_number or 0) != pack.manifest_sha256
    ]
    faults += [
        f"{form.folder_name(number)}: the ledger has issued it, but it isn't here"
        for number in sorted(set(heads) - {pack.pack_number for pack in packs})
    ]
    told, _ = told_claims(pack.told for pack in packs)
    today = evidence.today(
        bank_id,
        {claim.claim_id: claim.fee_cents for claim in told.values()},
        basis.terms_of_bank(evidence, bank_id),
    )
    lines = find_adjustments(told, ledger_states(ledger, bank_id), today)
    return DriftReport(
        night=handoff.night.isoformat(),
        claims=len({line.claim_id for line in lines}),
        lines=tuple(lines),
        faults=tuple(faults),
    )
