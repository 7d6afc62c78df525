"""An auditor's sample is the same for everybody, and each drawn claim comes with its trail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from touchproof.cli import app
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import sample as sampling
from touchproof.evidence.sample import Sample, draw_sample

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any


def _draw(world: EvidenceWorld, seed: int = 5, size: int = 6, **options: Any) -> Sample:
    return draw_sample(world.settings.paths.evidence, seed, size, **options)


def test_the_draw_follows_the_published_rule(long_chain: EvidenceWorld) -> None:
    sample = _draw(long_chain)
    issued = sorted(
        (row["bank_id"], row["claim_id"]) for row in long_chain.referrals if row["fee_cents"]
    )
    assert sample.population == len(issued) == 14
    lines = "".join(f"{bank}/{claim}\n" for bank, claim in issued)
    assert sample.population_sha256 == hashlib.sha256(lines.encode()).hexdigest()
    ranked = sorted(
        issued, key=lambda one: hashlib.sha256(f"5|{one[0]}|{one[1]}".encode()).hexdigest()
    )
    assert [(one.bank_id, one.claim["claim_id"]) for one in sample.claims] == ranked[:6]
    assert [one.rank for one in sample.claims] == [1, 2, 3, 4, 5, 6]


def test_the_order_of_rows_and_packs_doesnt_matter(
    long_chain: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _draw(long_chain)
    read = sampling.read_chain

    def shuffled(folder: Path) -> Any:
        packs = read(folder)
        for pack in packs:
            pack.tables["claims.csv"].reverse()
        return packs

    monkeypatch.setattr(sampling, "read_chain", shuffled)
    assert _draw(long_chain) == expected
    assert _draw(long_chain, seed=6) != expected


def test_each_drawn_claim_shows_its_trail_and_what_became_of_it(
    long_chain: EvidenceWorld,
) -> None:
    sample = _draw(long_chain, size=100)
    assert len(sample.claims) == 14
    by_id = {one.claim["claim_id"]: one for one in sample.claims}
    withdrawn = by_id[long_chain.referrals[0]["claim_id"]]
    assert (withdrawn.standing, withdrawn.told_fee_cents) == ("withdrawn", 0)
    assert [line["pack_number"] for line in withdrawn.adjustments] == ["0004"]
    corrected = by_id[long_chain.referrals[1]["claim_id"]]
    assert (corrected.claim["fee_cents"], corrected.told_fee_cents) == ("7531", 7031)
    lost = by_id[long_chain.referrals[5]["claim_id"]]
    assert (len(lost.touches), len(lost.lost_contacts)) == (2, 1)
    states = [row["contact_state"] for row in sample.rows() if row["rank"] == lost.rank]
    assert states == ["told", "lost"]


def test_one_bank_alone_can_be_drawn_from(long_chain: EvidenceWorld) -> None:
    assert _draw(long_chain, bank="bank_maple").population == 1
    with pytest.raises(BadInputError, match="no pack to draw from"):
        _draw(long_chain, bank="bank_nowhere")
    with pytest.raises(BadInputError, match="at least one"):
        _draw(long_chain, size=0)


def test_nothing_is_drawn_from_a_chain_that_isnt_whole(chain: EvidenceWorld) -> None:
    (chain.pack(2) / "claims.csv").unlink()
    with pytest.raises(CheckFailedError, match="chain that isn't whole"):
        _draw(chain)


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_the_command_prints_seed_and_population_in_each_form(
    long_chain: EvidenceWorld, form: str
) -> None:
    folder = str(long_chain.settings.paths.evidence)
    asked = ["evidence", "sample", "--seed", "5", "--size", "2", "--dir", folder]
    done = CliRunner().invoke(app, [*asked, "--format", form])
    assert done.exit_code == 0, done.output
    assert _draw(long_chain).population_sha256 in done.output
    if form == "json":
        assert [one["rank"] for one in json.loads(done.output)["claims"]] == [1, 2]
