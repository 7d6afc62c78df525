"""Nights in which nothing arrives, because nothing happened or because no source answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nights import Seen, World, see, world

from touchproof.row_hash import row_hashes
from touchproof.warehouse import connect_warehouse

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def still_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("still"), customers=800, days=40) as made:
        yield made


@pytest.fixture(scope="module")
def quiet_nights(still_world: World) -> dict[str, Seen]:
    """Run two nights, one in which no file source answers, a quiet one, and that one again."""
    nowhere = str(still_world.data_dir / "unmounted")
    seen = {
        "first": see(still_world),
        "second": see(still_world),
        "dark": see(still_world, "--quiet", TOUCHPROOF_DROPS_DIR=nowhere),
        "quiet": see(still_world, "--quiet"),
    }
    night = seen["quiet"].status["published"]["night"]
    return seen | {"repeated": see(still_world, "--night", night)}


@pytest.mark.parametrize("name", ["dark", "quiet", "repeated"])
def test_a_quiet_night_pushes_nothing_with_at_most_three_calls(
    quiet_nights: dict[str, Seen], name: str
) -> None:
    assert quiet_nights["first"].push["pushed"] > quiet_nights["second"].push["pushed"] > 0
    assert quiet_nights[name].push["pushed"] == 0
    assert quiet_nights[name].push["calls"] <= 3


def test_a_source_that_does_not_answer_is_stale_and_the_build_goes_on(
    quiet_nights: dict[str, Seen],
) -> None:
    before, dark = quiet_nights["second"], quiet_nights["dark"]
    assert dark.status["published"]["night"] > before.status["published"]["night"]
    by_source = {source["source"]: source for source in dark.status["sources"]}
    assert by_source["salesforce"]["status"] == "fresh"
    for source in ("ga4", "email", "media", "app"):
        assert by_source[source]["status"] == "stale", source
        assert by_source[source]["error"], source
        assert f"extract_{source}" in dark.printed
    assert dark.hashes["fct_touchpoints"] == before.hashes["fct_touchpoints"]


def test_a_repeated_night_gives_the_same_marts(quiet_nights: dict[str, Seen]) -> None:
    assert quiet_nights["repeated"].hashes == quiet_nights["quiet"].hashes


def test_what_answers_again_is_fresh_again(quiet_nights: dict[str, Seen]) -> None:
    sources = quiet_nights["quiet"].status["sources"]
    assert {source["status"] for source in sources} == {"fresh"}


def test_a_full_refresh_gives_the_marts_that_the_night_gave(
    quiet_nights: dict[str, Seen], still_world: World
) -> None:
    still_world.touchproof("build", "--full-refresh")
    connection = connect_warehouse(still_world.settings.paths.warehouse)
    try:
        built = {name: found.row_hash for name, found in row_hashes(connection, "marts").items()}
    finally:
        connection.close()
    assert built == quiet_nights["quiet"].hashes
