"""`touchproof explain` on a built world: every number of the published marts, recomputed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_built import Built
from oracle import MODELS

from touchproof.cli import run
from touchproof.explain import explain
from touchproof.explain_text import WIDTH, explanation_text
from touchproof.settings import Settings


@pytest.fixture(scope="module")
def published(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a world whose published file is the tiny world's warehouse: only marts are read."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("explain"), world="tiny")
    path = settings.paths.published
    built.copy(path.parent).rename(path)
    return settings


def _conversion(built: Built, where: str) -> str:
    rows = built.rows(
        "select distinct conversion_id from marts.fct_attribution"
        " inner join marts.fct_conversions using (conversion_id)"
        f" where {where} order by 1"
    )
    return str(rows[0][0])


def test_every_conversion_is_recomputed_to_the_last_digit(
    built: Built, published: Settings
) -> None:
    ids = built.rows("select conversion_id from marts.fct_conversions order by 1")
    for (conversion_id,) in ids:
        explanation = explain(published, str(conversion_id))
        if explanation.unattributed_reason is not None:
            assert explanation.models == ()
            continue
        assert [model.model for model in explanation.models] == list(MODELS)
        for model in explanation.models:
            assert model.is_recomputed, model.model
            assert sum(credit.weight for credit in model.credits) == Decimal(1)
            cents = sum(credit.revenue_cents for credit in model.credits)
            assert cents == explanation.conversion.revenue_cents


def test_the_text_shows_path_rules_and_numbers_in_120_columns(
    built: Built, published: Settings
) -> None:
    conversion_id = _conversion(built, "path_length > 2")
    text = explanation_text(explain(published, conversion_id))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert f"Conversion {conversion_id}" in text
    assert "A search engine with a paid medium is Paid Search." in text
    assert "#1 1 of 1 = 1.000000000000 → 100.01; all others nothing." in text
    assert "fit_markov_" in text and "fit_shapley_" in text
    for model in MODELS:
        assert f"\n  {model} " in text


def test_a_visit_and_what_was_inferred_from_it_are_shown_as_one_step(
    built: Built, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    path = settings.paths.published
    built.copy(path.parent).rename(path)
    conversion_id = _conversion(built, "path_length > 2")
    rows = built.rows(
        "select touchpoint_id from marts.fct_attribution"
        f" where conversion_id = '{conversion_id}' order by path_position"
    )
    inferred, visit = rows[0][0], rows[1][0]
    with duckdb.connect(str(path)) as connection:
        update = "update marts.fct_touchpoints set step_id = ?, touch_weight = ?, interaction = ?"
        where = " where touchpoint_id = ?"
        connection.execute(update + where, [visit, Decimal("0.3"), "inferred", inferred])
        connection.execute(update + where, [visit, Decimal("0.7"), "visit", visit])
    explanation = explain(settings, conversion_id)
    steps = [touch.step_position for touch in explanation.path]
    assert steps == [1, *range(1, len(rows))]
    assert [touch.steps[:1] for touch in explanation.path[:2]] == [("first",), ("first",)]
    first_touch = explanation.models[0].credits
    assert [credit.share for credit in first_touch][:2] == [Decimal("0.3"), Decimal("0.7")]
    text = explanation_text(explanation)
    assert f"Path of {len(rows)} touches in {len(rows) - 1} steps" in text
    assert "A visit and the touches inferred from it are one step" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_conversion_that_nothing_earned_says_why(built: Built, published: Settings) -> None:
    text = explanation_text(explain(published, _conversion(built, "path_length = 0")))
    assert "Unattributed: " in text
    assert "to nobody" in text


def test_weights_that_differ_from_the_arithmetic_are_shown_and_named(
    built: Built, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    path = settings.paths.published
    built.copy(path.parent).rename(path)
    conversion_id = _conversion(built, "path_length > 2")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update marts.fct_attribution set linear_weight = case path_position when 1 then 1"
            " else 0 end where conversion_id = ?",
            [conversion_id],
        )
    explanation = explain(settings, conversion_id)
    assert [model.model for model in explanation.models if not model.is_recomputed] == ["linear"]
    assert "are others than this arithmetic gives" in explanation_text(explanation)


def test_a_touch_that_its_source_has_withdrawn_is_named_so(built: Built, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    path = settings.paths.published
    built.copy(path.parent).rename(path)
    conversion_id = _conversion(built, "path_length > 2")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "delete from marts.fct_touchpoints where touchpoint_id in (select touchpoint_id"
            " from marts.fct_attribution where path_position = 1 and conversion_id = ?)",
            [conversion_id],
        )
    explanation = explain(settings, conversion_id)
    assert [touch.interaction is None for touch in explanation.path] == [True, False, False]
    assert "withdrawn" in explanation_text(explanation)


def test_the_command_prints_json_and_refuses_what_it_does_not_know(
    built: Built,
    published: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(published.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", published.world)
    conversion_id = _conversion(built, "path_length > 2")
    assert run(["explain", conversion_id, "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["conversion"]["conversion_id"] == conversion_id
    assert content["conversion"]["converted_at"].endswith("Z")
    assert content["models"][0]["credits"][0]["weight"] == "1.000000000000"
    for arguments in (["explain", "cv_none"], ["explain", conversion_id, "--format", "xml"]):
        assert run(arguments) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_explanation_needs_a_published_file_that_shows_enough(tmp_path: Path) -> None:
    from touchproof.errors import BadInputError

    settings = Settings(data_dir=tmp_path, world="tiny")
    with pytest.raises(BadInputError, match="published"):
        explain(settings, "cv_1")
    settings.paths.published.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.paths.published)) as connection:
        connection.execute("create schema marts")
    with pytest.raises(BadInputError, match="Run a night"):
        explain(settings, "cv_1")
