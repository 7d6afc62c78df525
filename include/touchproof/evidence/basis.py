"""What claims rest on besides their lines: terms, rules, methods, code, landed batches.

Belongs here: reading them from one version of a handoff and from landing. Doesn't belong here: the
claims and contacts themselves (trail.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from touchproof.dbt_code import code_sha256
from touchproof.errors import CheckFailedError, GateFailedError
from touchproof.evidence.lines import Code, Method, Rule, Terms, TouchLine
from touchproof.evidence.trail import EvidenceHandoff
from touchproof.handoff import CODE
from touchproof.landing import MANIFEST, VERDICT

TERMS = "evidence/bank_terms.parquet"
RULES = "evidence/skip_eligibility_rules.parquet"
METHODS = "evidence/skip_match_methods.parquet"
QUERIES = (
    "models/intermediate/skips/int_skip_contacts_qualified.sql",
    "models/intermediate/skips/int_skip_rules_failed.sql",
    "models/marts/skips/fct_skip_referrals.sql",
    "models/marts/skips/mart_commission_evidence.sql",
)
"""The models whose text a pack quotes; all others count in the hash over the project."""


def terms_of_bank(evidence: EvidenceHandoff, bank_id: str) -> tuple[Terms, ...]:
    """Return a bank's terms by product, fee kind and first day; conditions that are empty go."""
    named = [field.name for field in fields(Terms) if field.name != "other"]
    rows = [row for row in evidence.read(TERMS).to_pylist() if row["bank_id"] == bank_id]
    lines = [
        Terms(
            **{name: row[name] for name in named},
            other=tuple(
                (name, _text(value))
                for name, value in row.items()
                if name not in {*named, "bank_id"} and value is not None
            ),
        )
        for row in rows
    ]
    return tuple(
        sorted(lines, key=lambda line: (line.product_line, line.fee_kind, line.valid_from_date))
    )


def rules(evidence: EvidenceHandoff) -> tuple[Rule, ...]:
    """Return the rules of eligibility in their order."""
    rows = sorted(evidence.read(RULES).to_pylist(), key=lambda row: row["rule_order"])
    return tuple(Rule(row["code"], row["outcome"], row["sentence"]) for row in rows)


def methods(evidence: EvidenceHandoff) -> tuple[Method, ...]:
    """Return the methods of matching, the surest first."""
    rows = sorted(evidence.read(METHODS).to_pylist(), key=lambda row: row["match_tier"])
    return tuple(Method(row["match_tier"], row["match_method"], row["sentence"]) for row in rows)


def code(evidence: EvidenceHandoff, version: str) -> Code:
    """Return the code that built the handoff's night.

    Raises:
        CheckFailedError: If the handoff doesn't hold a model that a pack quotes.
    """
    files = evidence.read(CODE).to_pylist()
    texts = {row["path"]: row["text"] for row in files}
    if missing := [path for path in QUERIES if texts.get(path) is None]:
        raise CheckFailedError(
            "The handoff lacks the text of a model", where=missing[0], todo="Publish again."
        )
    return Code(
        version=version,
        dbt_sha256=code_sha256((row["path"], row["sha256"]) for row in files),
        dbt_files=len(files),
        queries={path: texts[path] for path in QUERIES},
    )


def batch_hashes(landing: Path, touches: Iterable[TouchLine]) -> dict[str, str | None]:
    """Return the full content hash of each landed batch that the trail names.

    A batch that retention has removed gives None.

    Raises:
        GateFailedError: If a batch that is there was refused by the landing gate, or not judged.
    """
    wanted = {touch.batch for touch in touches}
    found: dict[str, str | None] = dict.fromkeys(sorted(wanted))
    for folder in landing.glob("*/*/window=*/batch=*"):
        batch = folder.name.removeprefix("batch=")
        if batch in wanted and (folder / MANIFEST).exists():
            found[batch] = json.loads((folder / MANIFEST).read_bytes())["content_sha256"]
            _require_accepted(folder)
    return found


def _require_accepted(folder: Path) -> None:
    verdict = folder / VERDICT
    status = json.loads(verdict.read_bytes())["status"] if verdict.exists() else "not judged"
    if status not in {"accepted", "partly"}:
        source, entity = folder.parts[-4:-2]
        raise GateFailedError(
            f"A contact's batch didn't pass the landing gate ({status}), so no pack is issued",
            where=f"{source}/{entity}, {folder.name}",
            todo="Run the night again, or see `touchproof quarantine list`.",
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)
