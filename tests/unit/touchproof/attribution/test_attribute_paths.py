"""`touchproof attribute-paths`: its columns, digits, formats, sentences and exit codes."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_cases import NINE_PATHS, ROWS, nine, table_of

from touchproof.attribution.attribute_paths import PathSettings, as_rows, attribute_paths
from touchproof.attribution.credits import MODELS
from touchproof.attribution.rule_models import RuleSettings
from touchproof.cli import run
from touchproof.query import write_csv

SETTINGS = PathSettings(RuleSettings(direct="D", lead_step="C"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the nine paths as a file."""
    path = tmp_path / "nine.csv"
    path.write_text("path,conversions,value\n" + "".join(f"{text},1,3\n" for text in NINE_PATHS))
    return path


def _csv(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_every_model_gives_the_public_figures(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["attribute-paths", str(file), "--format", "csv"]) == 0
    told = capfd.readouterr()
    rows = {row["channel"]: row for row in csv.DictReader(io.StringIO(told.out))}
    expected = {
        "first_touch": (9, 9, 9),
        "last_touch": (15, 6, 6),
        "last_non_direct": (15, 6, 6),
        "linear": (10.5, 9, 7.5),
        "position_based": (11.1, 8.4, 7.5),
        "markov": (10.643154, 8.514523, 7.842324),
        "shapley": (13.5, 7.5, 6),
    }
    for model, figures in expected.items():
        for channel, figure in zip("ABC", figures, strict=True):
            assert float(rows[channel][f"{model}_value"]) == pytest.approx(figure, abs=5e-7)
            assert float(rows[channel][f"{model}_conversions"]) == pytest.approx(
                figure / 3, abs=5e-7
            )
    assert all(row["w_shaped_conversions"] == row["w_shaped_value"] == "" for row in rows.values())
    assert told.err.splitlines() == [
        "w_shaped is null: it needs --lead-step, the step at which a person became a lead."
    ]


def test_columns_are_the_channel_then_each_model_twice(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["attribute-paths", str(file), "--format", "json", "--lead-step", "B"]) == 0
    told = capfd.readouterr()
    rows = json.loads(told.out)
    columns = [f"{model}_{what}" for model in MODELS for what in ("conversions", "value")]
    assert list(rows[0]) == ["channel", *columns]
    assert [row["channel"] for row in rows] == ["A", "B", "C"]
    assert rows[0]["markov_value"] == 10.64315353
    assert rows[1]["w_shaped_conversions"] == 3.6
    assert told.err == ""


def test_a_table_for_eyes_is_the_default(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["attribute-paths", str(file)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("channel  first_touch_conversions")
    assert lines[-1] == "(3 rows)"


def test_options_reach_their_models(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    repeated = file.with_name("repeated.csv")
    repeated.write_text("path;nulls\nA > A > B > D;1\nB;0\n")
    run(["attribute-paths", str(repeated), "--sep", ";", "--format", "csv"])
    plain = _csv(capfd)
    for options, model in (
        (["--direct", "D"], "last_non_direct"),
        (["--lead-step", "A"], "w_shaped"),
        (["--half-life-steps", "3"], "time_decay"),
        (["--order", "2"], "markov"),
        (["--keep-repeats"], "linear"),
    ):
        arguments = ["attribute-paths", str(repeated), "--sep", ";", "--format", "csv", *options]
        assert run(arguments) == 0
        changed = _csv(capfd)
        column = f"{model}_conversions"
        assert [row[column] for row in changed] != [row[column] for row in plain], model


def test_a_step_that_is_nowhere_is_told(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--direct", "nowhere", "--lead-step", "neither", "--format", "csv"]
    assert run(["attribute-paths", str(file), *options]) == 0
    told = capfd.readouterr().err.splitlines()
    assert told == [
        "No path has the step that --direct names.",
        "No path has the step that --lead-step names.",
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "xml"],
        ["--order", "0"],
        ["--order", "4"],
        ["--order", "one"],
        ["--half-life-steps", "0"],
        ["--half-life-steps", "nan"],
        ["--half-life-steps", "-1"],
        ["--sep", ";"],
        ["--sep", ""],
        ["--nonsense"],
    ],
)
def test_bad_input_exits_with_2_and_one_sentence(
    file: Path, capfd: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert run(["attribute-paths", str(file), *options]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert "Traceback" not in told.err


def test_a_bad_file_exits_with_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    faulty = tmp_path / "faulty.csv"
    faulty.write_text("path,value\na,1\nb,x\n")
    assert run(["attribute-paths", str(faulty)]) == 2
    assert "(faulty.csv, line 3, column value)" in capfd.readouterr().err


@settings(deadline=None)
@given(ROWS)
def test_every_model_sums_to_the_totals_to_the_last_printed_digit(
    rows: list[tuple[str, float, float, float]],
) -> None:
    paths = table_of(rows)
    result = as_rows(attribute_paths(paths, SETTINGS))
    printed = list(result.rows)
    totals = (sum(row[1] for row in rows), sum(row[2] for row in rows))
    for place in range(1, len(result.columns)):
        column = [row[place] for row in printed]
        slack = 1e-9 * max(map(abs, column)) * len(column) + 1e-12 * sum(abs(r[2]) for r in rows)
        assert sum(column) == pytest.approx(totals[(place - 1) % 2], abs=slack)


@settings(deadline=None)
@given(ROWS, st.integers())
def test_neither_the_order_of_rows_nor_a_second_run_changes_a_byte(
    rows: list[tuple[str, float, float, float]], seed: int
) -> None:
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, no secret
    printed = []
    for given_rows in (rows, rows, shuffled):
        out = io.StringIO()
        write_csv(as_rows(attribute_paths(table_of(given_rows), SETTINGS)), out)
        printed.append(out.getvalue())
    assert len(set(printed)) == 1


def test_one_path_gives_its_channel_everything() -> None:
    paths = table_of([("A", 2.0, -0.01, 7.0)])
    for credit in attribute_paths(paths, SETTINGS).credits:
        assert credit is not None
        assert credit.conversions.tolist() == [2.0]
        assert credit.value.tolist() == pytest.approx([-0.01], rel=1e-14)


def test_numbers_have_ten_significant_digits_and_no_negative_zero() -> None:
    paths = nine()
    result = attribute_paths(paths, SETTINGS)
    for credit in result.credits:
        assert credit is not None
        credit.value[:] = [123456789.87654321, -0.0, 1e-7 / 3]
    rows = list(as_rows(result).rows)
    assert [str(row[2]) for row in rows] == ["123456789.9", "0.0", "3.333333333e-08"]
    assert np.isfinite([number for row in rows for number in row[1:]]).all()


def test_sampled_shapley_says_its_error(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from touchproof.attribution import shapley, shapley_game

    def sampled(*arguments: object, **options: object) -> shapley_game.SetValues:
        return shapley_game.set_values(
            *arguments,
            **options,
            exact_set_size=1,
            exact_comparisons=0,  # type: ignore[arg-type]
        )

    monkeypatch.setattr(shapley, "set_values", sampled)
    assert run(["attribute-paths", str(file), "--lead-step", "B"]) == 0
    assert "the largest standard error" in capfd.readouterr().err
