"""Thresholds are a file that a reviewer reads, and a wrong one is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from touchproof.errors import ConfigurationError
from touchproof.quality.thresholds import read_thresholds, threshold_of

HEADER = "source,entity,max_quarantined_share\n"


def test_the_general_threshold_is_one_percent() -> None:
    assert threshold_of(read_thresholds(), "media", "spend") == Decimal("0.01")


def test_the_narrowest_line_holds(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.csv"
    path.write_text(HEADER + "*,*,0.01\napp,*,0.02\napp,products,0\n")
    thresholds = read_thresholds(path)
    assert [
        threshold_of(thresholds, *key)
        for key in (("app", "products"), ("app", "consents"), ("ga4", "events"))
    ] == [Decimal("0"), Decimal("0.02"), Decimal("0.01")]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("source,share\n", "line 1"),
        (HEADER + "app,*,0.5\n", r"\*,\*"),
        (HEADER + "*,*,a lot\n", "line 2"),
        (HEADER + "*,*,0.1\napp,*,1.5\n", "line 3"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "thresholds.csv"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=named):
        read_thresholds(path)
