"""Heads are stamped by an authority outside, and an answer is believed only for what it stamps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto import tsp
from evidence_tsa import STAMPED, Tsa

from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence import timestamps
from touchproof.evidence.verify import verify

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any


def _accept(chain: EvidenceWorld, tmp_path: Path, answer: bytes, tsa: Tsa) -> Any:
    (tmp_path / "answer.tsr").write_bytes(answer)
    (tmp_path / "tsa.pem").write_bytes(tsa.pem)
    return timestamps.accept(
        chain.pack(3),
        tmp_path / "answer.tsr",
        tmp_path / "tsa.pem",
        chain.settings.paths.public_keys,
    )


def _request(chain: EvidenceWorld, number: int = 3) -> bytes:
    report = timestamps.request(chain.pack(number))
    return (chain.pack(number).parent / form.TIMESTAMPS / report.path).read_bytes()


def test_a_request_asks_for_the_head_and_is_the_same_each_time(chain: EvidenceWorld) -> None:
    content = _request(chain)
    imprint = tsp.TimeStampReq.load(content)["message_imprint"].native
    assert imprint["hash_algorithm"]["algorithm"] == "sha256"
    assert imprint["hashed_message"].hex() == verify(chain.pack(3)).head_sha256
    assert _request(chain) == content
    assert verify(chain.pack(3).parent).ok


def test_an_answer_is_kept_and_every_verification_names_it(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    tsa = Tsa()
    report = _accept(chain, tmp_path, tsa.answer(_request(chain)), tsa)
    assert report.stamped_at == STAMPED
    found = verify(chain.pack(3).parent)
    assert found.ok and found.timestamped == ("0003",)
    assert "The head of 0003 was stamped by an outside authority at 2026-06-29T06:00:00Z." in (
        found.notes
    )
    chain.export()
    (certificate,) = (chain.settings.paths.public_keys / "tsa").iterdir()
    certificate.unlink()
    unknown = verify(chain.pack(3).parent)
    assert unknown.ok and unknown.timestamped == ()
    assert any("by whom wasn't checked" in note for note in unknown.notes)


def test_an_answer_about_another_head_is_refused(chain: EvidenceWorld, tmp_path: Path) -> None:
    tsa = Tsa()
    with pytest.raises(CheckFailedError, match="stamps another head"):
        _accept(chain, tmp_path, tsa.answer(_request(chain, 2)), tsa)


def test_an_answer_by_somebody_else_is_refused(chain: EvidenceWorld, tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match="isn't signed by a time-stamping authority"):
        _accept(chain, tmp_path, Tsa().answer(_request(chain)), Tsa())


def test_a_certificate_for_another_purpose_doesnt_stamp(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    tsa = Tsa(purpose=False)
    with pytest.raises(CheckFailedError, match="isn't signed by a time-stamping authority"):
        _accept(chain, tmp_path, tsa.answer(_request(chain)), tsa)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x30\x03\x02\x01\x02"])
def test_what_is_no_answer_is_refused(chain: EvidenceWorld, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CheckFailedError, match="that can be read"):
        _accept(chain, tmp_path, content, Tsa())


def test_a_stamp_of_what_isnt_there_any_more_is_a_fault(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    tsa = Tsa()
    _accept(chain, tmp_path, tsa.answer(_request(chain)), tsa)
    stamp = chain.pack(3).parent / form.TIMESTAMPS / "0003.tsr"
    stamp.rename(stamp.with_name("0002.tsr"))
    assert verify(chain.pack(3).parent).faults == (
        "timestamps/0002.tsr: stamps another head, so the pack isn't what was stamped",
    )
    stamp.with_name("0002.tsr").rename(stamp.with_name("0009.tsr"))
    assert verify(chain.pack(3).parent).faults == (
        "timestamps/0009.tsr: belongs to no pack that is here",
    )


def test_a_certificate_that_isnt_one_is_bad_input(chain: EvidenceWorld, tmp_path: Path) -> None:
    (tmp_path / "a.tsr").write_bytes(Tsa().answer(_request(chain)))
    (tmp_path / "a.pem").write_bytes(b"x")
    with pytest.raises(BadInputError, match="isn't a certificate"):
        timestamps.accept(
            chain.pack(3),
            tmp_path / "a.tsr",
            tmp_path / "a.pem",
            chain.settings.paths.public_keys,
        )
