"""Claim: seven rule models 15 times as fast as ChannelAttribution's three, exact Markov 5 times.

2 million journeys on 0.75 million distinct paths, one table for both: a pandas frame with the path
as text, `a > b > c`. Timed from that frame in memory to the result in memory, in turns, in one
process a tool; reading the table, start-up and peak memory apart. Ours reads only the rows that
brought something for the rules; "of every row" reads all, and "from paths" begins with the same
table in our own form, a PathTable in memory. The baseline of the ratios is the public package
ChannelAttribution in the same run (of the development set). Its Markov is a simulation; ours is
solved. Both may use all cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOURNEYS, SEED, ROUNDS = 2_000_000, 1, 5
MEAN_TOUCHES, LONGEST, CONVERTING = 5.0, 40, 0.2
CHANNELS = (
    "Affiliates",
    "Direct",
    "Display",
    "Email",
    "List Rental",
    "Organic Search",
    "Organic Social",
    "Paid Search",
    "Paid Social",
    "Referral",
    "TV",
    "Video",
)
OURS, THEIRS = "touchproof", "ChannelAttribution"
RULES, MARKOV = "rules", "markov"
EVERY_ROW, FROM_PATHS = "of every row", "from paths"


def make_table(path: Path) -> None:
    """Draw the journeys and write one row a distinct path."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from touchproof.warehouse import connect_memory

    generator = np.random.default_rng(SEED)
    popularity = generator.dirichlet(np.full(len(CHANNELS), 2.0))
    lengths = np.minimum(generator.geometric(1 / MEAN_TOUCHES, JOURNEYS), LONGEST)
    codes = generator.choice(len(CHANNELS), size=int(lengths.sum()), p=popularity)
    names = pa.array(CHANNELS).take(pa.array(codes))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    converted = generator.random(JOURNEYS) < CONVERTING
    value = np.where(converted, generator.integers(100, 50_000, JOURNEYS) / 100, 0.0)
    journeys = pa.table(
        {
            "steps": pa.ListArray.from_arrays(offsets, names),
            "converted": converted.astype(np.int64),
            "value": value,
        }
    )
    with connect_memory() as connection:
        connection.register("journeys", journeys)
        distinct = connection.sql(
            """
            select
                array_to_string(steps, ' > ') as path,
                sum(converted)::double as conversions,
                round(sum(value), 2) as value,
                (count(*) - sum(converted))::double as nulls
            from journeys
            group by 1
            order by 1
            """
        ).to_arrow_table()
    pq.write_table(distinct, path)


def our_calls(frame: Any) -> dict[str, Callable[[], Any]]:
    """Return our calls on the frame."""
    import pyarrow as pa

    from touchproof.attribution import markov
    from touchproof.attribution.paths import PathTable
    from touchproof.attribution.rule_models import RuleSettings, rule_credits

    settings = RuleSettings(direct="Direct", lead_step="Email")

    def paths() -> PathTable:
        return PathTable.from_text(pa.array(frame["path"]), *numbers())

    def crediting() -> PathTable:
        # To rules, rows that brought nothing give nobody anything: their paths needn't be read.
        conversions, value, nulls = numbers()
        brought = (conversions != 0) | (value != 0)
        text = pa.array(frame["path"]).filter(pa.array(brought))
        return PathTable.from_text(text, conversions[brought], value[brought], nulls[brought])

    def numbers() -> list[Any]:
        return [frame[name].to_numpy() for name in ("conversions", "value", "nulls")]

    def rules(table: PathTable) -> Any:
        return rule_credits(table.crediting().merged(), settings)

    def solved(table: PathTable) -> Any:
        merged = table.merged()
        return markov.markov_credits(merged, markov.fit(merged))

    coded = paths()
    return {
        RULES: lambda: rules(crediting()),
        f"{RULES} {EVERY_ROW}": lambda: rules(paths()),
        MARKOV: lambda: solved(paths()),
        f"{RULES} {FROM_PATHS}": lambda: rules(coded),
        f"{MARKOV} {FROM_PATHS}": lambda: solved(coded),
    }


def their_calls(frame: Any) -> dict[str, Callable[[], Any]]:
    """Return the package's calls on the frame."""
    import ChannelAttribution as package

    def rules() -> Any:
        return package.heuristic_models(
            frame, "path", "conversions", var_value="value", sep=">", flg_pro=False
        )

    def simulated() -> Any:
        return package.markov_model(
            frame,
            "path",
            "conversions",
            var_value="value",
            var_null="nulls",
            order=1,
            ncore=os.cpu_count() or 1,
            seed=SEED,
            verbose=False,
            flg_pro=False,
        )

    return {RULES: rules, MARKOV: simulated}


def serve(tool: str, table: str) -> None:
    """Read the table, then run a call for each line of stdin and answer with its seconds."""
    began = time.perf_counter()
    import pandas as pd

    calls_of = our_calls if tool == OURS else their_calls
    calls_of(pd.DataFrame({"path": ["a"], "conversions": [1.0], "value": [1.0], "nulls": [0.0]}))
    imported = time.perf_counter() - began
    began = time.perf_counter()
    frame = pd.read_parquet(table)
    read = time.perf_counter() - began
    calls = calls_of(frame)
    _answer({"imported": imported, "read": read})
    for line in sys.stdin:
        _forget_peak()
        before = _megabytes("VmRSS")
        began, began_cpu = time.perf_counter(), time.process_time()
        calls[line.strip()]()
        spent = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - began_cpu,
            "megabytes": _megabytes("VmHWM") - before,
        }
        _answer(spent)


def _answer(content: dict[str, float]) -> None:
    os.write(_ANSWERS, (json.dumps(content) + "\n").encode())


def _forget_peak() -> None:
    """Let Linux measure this process's peak memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _megabytes(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


class Tool:
    """Hold one tool's process."""

    def __init__(self, name: str, table: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, __file__, name, str(table)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started = self._hear()

    def run(self, call: str) -> dict[str, float]:
        """Run one call."""
        assert self._process.stdin is not None
        self._process.stdin.write(call + "\n")
        self._process.stdin.flush()
        return self._hear()

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)

    def _hear(self) -> dict[str, float]:
        assert self._process.stdout is not None
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    """Print one row a call, and what stands apart."""
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "paths.parquet"
        make_table(table)
        import pyarrow.parquet as pq

        print(
            f"{os.cpu_count()} cores; {JOURNEYS:,} journeys on {pq.read_metadata(table).num_rows:,}"
            f" distinct paths; median of {ROUNDS} rounds"
        )
        tools = [Tool(OURS, table), Tool(THEIRS, table)]
        spent: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(ROUNDS):
            for call in (RULES, MARKOV):
                ours, theirs = tools
                for tool, what in (
                    (theirs, call),
                    (ours, call),
                    *([(ours, f"{call} {EVERY_ROW}")] if call == RULES else []),
                    (ours, f"{call} {FROM_PATHS}"),
                ):
                    spent.setdefault((what, tool.name), []).append(tool.run(what))
        print(f"{'call':<19} {'tool':<19} {'seconds':>8} {'ratio':>6} {'cpu':>6} {'MB more':>8}")
        for (call, tool_name), rounds in spent.items():
            baseline = _median(spent[call.split()[0], THEIRS], "seconds")
            seconds, cpu = _median(rounds, "seconds"), _median(rounds, "cpu")
            print(
                f"{call:<19} {tool_name:<19} {seconds:>8.3f} {baseline / seconds:>6.1f}"
                f" {cpu:>6.2f} {max(one['megabytes'] for one in rounds):>8.0f}"
            )
        for tool in tools:
            started = tool.started
            print(
                f"apart: {tool.name} imports in {started['imported']:.2f} s, "
                f"reads the table in {started['read']:.2f} s"
            )
            tool.stop()


def _median(rounds: list[dict[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in rounds)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        # The package prints to stdout: answers go to the real one, everything else to stderr.
        _ANSWERS = os.dup(1)
        os.dup2(2, 1)
        serve(*sys.argv[1:])
    else:
        main()
