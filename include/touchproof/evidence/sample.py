"""A random sample of issued claims for auditors, the same for everybody who draws it again.

Belongs here: the population, the draw, each drawn claim with its whole trail. Doesn't belong here:
checking packs (verify.py does it first), printing (the command line).

A claim's rank is the SHA-256 of `<seed>|<bank>|<claim id>`; the K lowest are the sample. So it
depends on the seed and on which claims there are, not on any order or on a random generator's
version, and anybody can draw it with standard tools.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.told import ToldClaim, contact_text, told_claims
from touchproof.evidence.verify import read_chain, verify
from touchproof.evidence.verify_pack import PackCheck

ROW_COLUMNS = (
    "rank",
    "bank_id",
    "pack_number",
    *form.CLAIM_COLUMNS,
    "standing",
    "told_fee_cents",
    *(f"contact_{name}" for name in form.TOUCH_COLUMNS[1:]),
    "contact_state",
    "seed",
    "population",
    "population_sha256",
)


@dataclass(frozen=True)
class SampledClaim:
    """Hold one drawn claim: its line, what it is now, its contacts as they were put."""

    rank: int
    bank_id: str
    pack_number: int
    claim: Mapping[str, str]
    standing: str
    told_fee_cents: int
    touches: tuple[Mapping[str, str], ...]
    lost_contacts: tuple[str, ...]
    adjustments: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """Hold a sample and what it was drawn from.

    Args:
        seed: The auditor's number.
        size: How many were asked for.
        population: How many claims there are.
        population_sha256: Of the sorted lines `<bank>/<claim id>`; it fixes what was drawn from.
        heads: Head hash of each bank's chain.
        claims: The drawn ones, by rank.
    """

    seed: int
    size: int
    population: int
    population_sha256: str
    heads: Mapping[str, str]
    claims: tuple[SampledClaim, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row a contact of each drawn claim, for CSV and tables."""
        common = {
            "seed": self.seed,
            "population": self.population,
            "population_sha256": self.population_sha256,
        }
        return [
            {
                "rank": one.rank,
                "bank_id": one.bank_id,
                "pack_number": one.pack_number,
                **one.claim,
                "standing": one.standing,
                "told_fee_cents": one.told_fee_cents,
                **{f"contact_{name}": touch[name] for name in form.TOUCH_COLUMNS[1:]},
                "contact_state": "lost" if contact_text(touch) in one.lost_contacts else "told",
                **common,
            }
            for one in self.claims
            for touch in one.touches
        ]


def draw_sample(
    root: Path, seed: int, size: int, *, bank: str | None = None, public_keys: Path | None = None
) -> Sample:
    """Draw issued claims from the packs of one bank or all.

    Args:
        root: The folder `evidence` of a world, or one like it that was handed over.
        seed: The auditor's number.
        size: How many; if there are fewer claims, all are drawn.
        bank: Only this bank's.
        public_keys: Folder of public keys, see `verify`.

    Raises:
        BadInputError: If there is no such bank or no pack, or the size isn't positive.
        CheckFailedError: If a chain isn't whole: a sample of it would prove nothing.
    """
    if size < 1:
        raise BadInputError("A sample holds at least one claim", where=f"size {size}")
    chains = _chains(root, bank, public_keys)
    population = sorted(
        (bank_id, row["claim_id"], pack.pack_number or 0, row)
        for bank_id, chain in chains.items()
        for pack in chain.packs
        for row in pack.rows(form.CLAIMS)
    )
    lines = "".join(f"{bank_id}/{claim_id}\n" for bank_id, claim_id, *_ in population)
    ranked = sorted(population, key=lambda one: _rank(seed, one[0], one[1]))
    drawn = []
    for rank, (bank_id, _, number, row) in enumerate(ranked[:size], start=1):
        drawn.append(_sampled(rank, bank_id, number, row, chains[bank_id]))
    return Sample(
        seed=seed,
        size=size,
        population=len(population),
        population_sha256=form.sha256(lines.encode()),
        heads={
            name: chain.packs[-1].manifest_sha256 or "" for name, chain in sorted(chains.items())
        },
        claims=tuple(drawn),
    )


def _chains(root: Path, bank: str | None, public_keys: Path | None) -> dict[str, _Chain]:
    folders = [
        path
        for path in (sorted(root.iterdir()) if root.is_dir() else [])
        if path.is_dir() and not path.name.startswith(".") and path.name != form.PUBLIC_KEYS
    ]
    if bank is not None:
        folders = [path for path in folders if path.name == bank]
    if not folders:
        raise BadInputError("There is no pack to draw from", where=bank or root.name)
    chains = {}
    for folder in folders:
        report = verify(folder, public_keys)
        if not report.ok:
            raise CheckFailedError(
                f"Nothing is drawn from a chain that isn't whole: {report.sentence}",
                where=folder.name,
            )
        chains[str(report.bank_id)] = _chain(read_chain(folder))
    return chains


def _rank(seed: int, bank_id: str, claim_id: str) -> str:
    return hashlib.sha256(f"{seed}|{bank_id}|{claim_id}".encode()).hexdigest()


@dataclass(frozen=True)
class _Chain:
    """Hold one bank's chain, folded and grouped by claim."""

    packs: Sequence[PackCheck]
    told: Mapping[str, ToldClaim]
    touches: Mapping[str, list[Mapping[str, str]]]
    adjustments: Mapping[str, list[Mapping[str, str]]]


def _chain(packs: Sequence[PackCheck]) -> _Chain:
    touches: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    adjustments: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for pack in packs:
        for touch in pack.rows(form.TOUCHES):
            touches[touch["claim_id"]].append(touch)
        for line in pack.rows(form.ADJUSTMENTS):
            number = form.folder_name(pack.pack_number or 0)
            adjustments[line["claim_id"]].append({"pack_number": number, **line})
    return _Chain(packs, told_claims(pack.told for pack in packs)[0], touches, adjustments)


def _sampled(
    rank: int, bank_id: str, number: int, row: Mapping[str, str], chain: _Chain
) -> SampledClaim:
    claim_id = row["claim_id"]
    touches = tuple(chain.touches[claim_id])
    adjustments = tuple(chain.adjustments.get(claim_id, ()))
    state = chain.told[claim_id]
    return SampledClaim(
        rank=rank,
        bank_id=bank_id,
        pack_number=number,
        claim=row,
        standing=state.facts["standing"],
        told_fee_cents=state.fee_cents if state.is_open else 0,
        touches=touches,
        lost_contacts=tuple(
            sorted(
                text
                for text in {contact_text(touch) for touch in touches}
                if state.contacts[text] <= 0
            )
        ),
        adjustments=adjustments,
    )
