"""Great Expectations: the one run a night that judges prepared frames.

Belongs here: turning rules into expectations and results into row numbers. Doesn't belong here:
what a faulty row means (gate.py). Great Expectations takes seconds to import: only `judge` does it.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from touchproof.errors import GateFailedError
from touchproof.quality.suites import EMAIL_PATTERN, Check, Rule


def judge(
    frames: Mapping[str, tuple[Any, Sequence[Rule]]], limit: float
) -> dict[str, dict[str, list[int]]]:
    """Judge every frame by its rules in one Great Expectations run.

    Args:
        frames: Frame (one column a rule) and rules by the suite's name.
        limit: First moment that counts as future, Unix seconds.

    Returns:
        By suite and rule, the frame's row numbers (from 0) that break it.

    Raises:
        GateFailedError: If Great Expectations itself fails on a suite.
    """
    context = _context()
    from great_expectations import ExpectationSuite

    source = context.data_sources.add_pandas("landed")
    found: dict[str, dict[str, list[int]]] = {}
    for name, (frame, rules) in frames.items():
        definition = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        suite = ExpectationSuite(
            name=name, expectations=[_expectation(rule, limit) for rule in rules]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
        found[name] = {
            result.expectation_config.kwargs["column"]: _rows(result, name)
            for result in outcome.results
        }
    return found


def _context() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read while importing: no call leaves the house
    logs = logging.getLogger("great_expectations")
    logs.setLevel(logging.ERROR)  # its warnings quote values
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    logs.setLevel(logging.ERROR)  # again: importing sets a level of its own
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _expectation(rule: Rule, limit: float) -> Any:
    import great_expectations.expectations as gxe

    column = rule.name
    match rule.check:
        case Check.REQUIRED:
            return gxe.ExpectColumnValuesToNotBeNull(column=column)
        case Check.ONE_OF:
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.values))
        case Check.EMAIL:
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=EMAIL_PATTERN)
        case Check.NOT_FUTURE:
            return gxe.ExpectColumnValuesToBeBetween(
                column=column, max_value=limit, strict_max=True
            )
        case Check.NOT_NEGATIVE:
            return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0)
        case Check.POSITIVE:
            return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, strict_min=True)
        case Check.NOT_POSITIVE:
            return gxe.ExpectColumnValuesToBeBetween(column=column, max_value=0)
        case _:
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[True])


def _rows(result: Any, suite: str) -> list[int]:
    if result.exception_info.get("raised_exception", False) or not result.result:
        raise GateFailedError(
            "Great Expectations couldn't judge a rule",
            where=f"{suite}, {result.expectation_config.kwargs['column']}",
            todo="Run the gate again; if it stays, the rule doesn't fit the landed column.",
        )
    if result.success:
        return []
    return [int(number) for number in result.result["unexpected_index_list"]]
