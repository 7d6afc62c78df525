"""Making the bytes of one pack from claims, trail and adjustments, without any side effect.

Belongs here: what a bank is shown, the checks that a trail must pass before it is shown, the
manifest. Doesn't belong here: reading handoff and ledger (trail.py, basis.py), drawing
(workbook.py, pdf.py), signing (signing.py), writing (issuer.py), the format (pack_format.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from touchproof.errors import CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.lines import (
    AdjustmentLine,
    ClaimLine,
    Method,
    PackContent,
    PackHeader,
    Rule,
    Terms,
    TouchLine,
)


def build_pack(
    header: PackHeader,
    claims: Sequence[ClaimLine],
    touches: Sequence[TouchLine],
    batch_hashes: Mapping[str, str | None],
    *,
    adjustments: Sequence[AdjustmentLine] = (),
    terms: Sequence[Terms] = (),
    rules: Sequence[Rule] = (),
    methods: Sequence[Method] = (),
) -> dict[str, bytes]:
    """Return the files of a pack by name, unsigned; the same input gives the same bytes.

    Args:
        header: The pack's own facts.
        claims: Its claims, in any order.
        touches: Their contacts, in any order.
        batch_hashes: Full content hash by landed batch of the trail (None: no longer landed).
        adjustments: What earlier packs told otherwise, in their order.
        terms: The bank's terms; those that the claims rest on are shown.
        rules: The rules of eligibility, in their order.
        methods: The methods of matching, the surest first.

    Raises:
        CheckFailedError: If a claim's trail doesn't prove it, or it has no terms.
    """
    from touchproof.evidence.pdf import document_bytes
    from touchproof.evidence.workbook import workbook_bytes

    ordered = sorted(claims, key=lambda claim: (claim.opened_at, claim.claim_id))
    trails: dict[str, list[TouchLine]] = {claim.claim_id: [] for claim in ordered}
    for touch in touches:
        trails[touch.claim_id].append(touch)
    for claim in ordered:
        trails[claim.claim_id].sort(key=lambda touch: touch.touch_number)
        _require_proof(claim, trails[claim.claim_id])
    trail = [touch for claim in ordered for touch in trails[claim.claim_id]]
    files = {
        form.CLAIMS: form.csv_bytes(
            form.CLAIM_COLUMNS, [_claim_cells(claim, trails[claim.claim_id]) for claim in ordered]
        ),
        form.TOUCHES: form.csv_bytes(form.TOUCH_COLUMNS, [_cells(touch) for touch in trail]),
        form.ADJUSTMENTS: form.csv_bytes(
            form.ADJUSTMENT_COLUMNS,
            [
                [number, *(getattr(line, name) for name in form.ADJUSTMENT_COLUMNS[1:])]
                for number, line in enumerate(adjustments, start=1)
            ],
        ),
    }
    content = PackContent(
        header=header,
        pack_id=form.pack_id(header.bank_id, header.pack_number, files),
        claims=ordered,
        trails=trails,
        adjustments=adjustments,
        terms=_terms_used(ordered, terms),
        rules=rules,
        methods=methods,
    )
    files[form.SUMMARY] = workbook_bytes(content)
    files[form.DOCUMENT] = document_bytes(content)
    return {**files, form.MANIFEST: form.manifest_bytes(_manifest(content, files, batch_hashes))}


def _manifest(
    content: PackContent, files: Mapping[str, bytes], batch_hashes: Mapping[str, str | None]
) -> dict[str, Any]:
    header = content.header
    touches = [touch for trail in content.trails.values() for touch in trail]
    rows = {
        form.CLAIMS: len(content.claims),
        form.TOUCHES: len(touches),
        form.ADJUSTMENTS: len(content.adjustments),
        form.SUMMARY: len(content.claims),
        form.DOCUMENT: len(content.claims),
    }
    return {
        "format": form.FORMAT,
        "kind": header.kind,
        "bank_id": header.bank_id,
        "pack_number": header.pack_number,
        "pack_id": content.pack_id,
        "period": header.period,
        "business_timezone": header.business_timezone,
        "night": header.night.isoformat(),
        "issued_at": form.utc_text(header.issued_at),
        "is_sandbox": header.is_sandbox,
        "signing_key": {
            "algorithm": "Ed25519",
            "key_id": header.key_id,
            "public_key_sha256": header.key_sha256,
        },
        "code": {
            "touchproof_version": header.code.version,
            "dbt_project_sha256": header.code.dbt_sha256,
            "dbt_project_files": header.code.dbt_files,
            "queries": dict(header.code.queries),
        },
        "terms": [_terms_content(line) for line in content.terms],
        "previous_manifest_sha256": header.previous_manifest_sha256,
        "files": [
            {
                "name": name,
                "sha256": form.sha256(files[name]),
                "bytes": len(files[name]),
                "rows": rows[name],
            }
            for name in sorted(files)
        ],
        "claims": len(content.claims),
        "touches": len(touches),
        "adjustments": len(content.adjustments),
        "totals": totals(content.claims),
        "adjustment_totals": adjustment_totals(content.adjustments),
        "landed_batches": [
            {"batch": batch, "content_sha256": batch_hashes.get(batch)}
            for batch in sorted({touch.batch for touch in touches})
        ],
    }


def totals(claims: Sequence[ClaimLine]) -> list[dict[str, Any]]:
    """Sum the fees by currency."""
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for claim in claims:
        cents[claim.currency] += claim.fee_cents
        number[claim.currency] += 1
    return [
        {"currency": currency, "claims": number[currency], "fee_cents": cents[currency]}
        for currency in sorted(number)
    ]


def adjustment_totals(adjustments: Sequence[AdjustmentLine]) -> list[dict[str, Any]]:
    """Sum what the adjustments do to the fees, by currency."""
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for line in adjustments:
        cents[line.currency] += line.fee_change_cents
        number[line.currency] += 1
    return [
        {
            "currency": currency,
            "adjustments": number[currency],
            "fee_change_cents": cents[currency],
        }
        for currency in sorted(number)
    ]


def _terms_used(claims: Sequence[ClaimLine], terms: Sequence[Terms]) -> list[Terms]:
    """Return the lines of the terms that the claims rest on; each claim must have one."""
    used = []
    for claim in claims:
        names = ("contract_version", "clause", "product_line", "fee_kind", "referral_window_days")
        line = next(
            (
                line
                for line in terms
                if all(getattr(line, name) == getattr(claim, name) for name in names)
                and line.valid_from_date <= claim.opened_date
                and (line.valid_to_date is None or claim.opened_date < line.valid_to_date)
            ),
            None,
        )
        if line is None:
            raise CheckFailedError(
                "A claim has no terms, so no pack is issued",
                where=f"claim {claim.claim_id}",
                todo="Mend the seed bank_terms, then run the night and the export again.",
            )
        used.append(line)
    return [line for line in terms if line in used]


def _terms_content(line: Terms) -> dict[str, Any]:
    content = asdict(line)
    content["valid_from_date"] = line.valid_from_date.isoformat()
    content["valid_to_date"] = line.valid_to_date.isoformat() if line.valid_to_date else None
    content["other"] = dict(line.other)
    return content


def _require_proof(claim: ClaimLine, trail: Sequence[TouchLine]) -> None:
    times = [touch.touched_at for touch in trail]
    if not trail:
        fault = "has no contact"
    elif [touch.touch_number for touch in trail] != list(range(1, len(trail) + 1)):
        fault = "has contacts that aren't numbered from 1 on"
    elif times != sorted(times):
        fault = "has contacts out of order"
    elif times[0] != claim.first_touched_at:
        fault = "has another first contact than its trail"
    elif times[-1] >= claim.opened_at:
        fault = "has a contact that isn't before the opening"
    else:
        return
    raise CheckFailedError(
        f"A claim {fault}, so no pack is issued",
        where=f"claim {claim.claim_id}",
        todo="Mend mart_commission_evidence, publish the night again, then export again.",
    )


def _claim_cells(claim: ClaimLine, trail: Sequence[TouchLine]) -> list[object]:
    values = {**vars(claim), "touches": len(trail)}
    return [values[name] for name in form.CLAIM_COLUMNS]


def _cells(touch: TouchLine) -> list[object]:
    values = vars(touch)
    return [values[name] for name in form.TOUCH_COLUMNS]
