"""The REST routes: describe, query, single records, Collections upsert, limits.

Belongs here: reading JSON requests and answering as Salesforce's REST API does. Doesn't belong
here: Bulk API 2.0 (routes_bulk.py), the rules of rows (writer.py).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce import event_logs, setup_told, soql
from touchproof_sandbox.salesforce.errors import ApiError, Refusal
from touchproof_sandbox.salesforce.org import Org
from touchproof_sandbox.salesforce.routing import call, json_object
from touchproof_sandbox.salesforce.schema import API_VERSION, OBJECTS, SObject, long_id
from touchproof_sandbox.salesforce.writer import Operation, Outcome, Writer, sobject_of

_PAGE = 2000
_COLLECTION_MAX = 200
_DATA = f"/services/data/v{API_VERSION}"
_ALLOW_SAVE = re.compile(r"(?:^|[;\s])allowSave=true", re.IGNORECASE)
_STATUSES = {
    "ENTITY_IS_DELETED": 404,
    "INVALID_CROSS_REFERENCE_KEY": 404,
    "DUPLICATE_EXTERNAL_ID": 300,
}


def rest_routes(org: Org) -> list[Route]:
    """Return the routes, the more specific before the more general."""
    record = "/sobjects/{object}/{id}"
    by_key = "/sobjects/{object}/{field}/{value:path}"
    return [
        call(org, "/limits", ["GET"], "limits", _limits),
        call(org, "/sobjects", ["GET"], "describe", _describe_all),
        call(org, "/sobjects/{object}/describe", ["GET"], "describe", _describe),
        call(org, "/sobjects/{object}", ["POST"], "record", _create),
        call(org, record, ["GET"], "record", _get),
        call(org, record, ["PATCH"], "record", _patch),
        call(org, record, ["DELETE"], "record", _delete),
        call(org, by_key, ["GET"], "record", _get),
        call(org, by_key, ["PATCH"], "record", _upsert),
        call(org, "/composite/sobjects/{object}/{field}", ["PATCH"], "collections", _collection),
        call(org, "/query", ["GET"], "query", _query),
        call(org, "/queryAll", ["GET"], "query", _query_all),
        call(org, "/tooling/query", ["GET"], "query", _tooling),
        call(org, "/query/{cursor}", ["GET"], "query", _query_more),
    ]


async def _limits(org: Org, request: Request) -> Response:
    jobs = org.storage.db.execute("select count(*) from jobs where kind = 'query'").fetchone()[0]
    batches = org.storage.db.execute(
        "select coalesce(sum((processed + 9999) / 10000), 0) from jobs where kind = 'ingest'"
    ).fetchone()[0]
    return JSONResponse(
        {
            "DailyApiRequests": _limit(org.allowance, org.used),
            "DailyBulkApiBatches": _limit(15_000, batches),
            "DailyBulkV2QueryJobs": _limit(10_000, jobs),
            "DailyBulkV2QueryFileStorageMB": _limit(976_562, 0),
            "DataStorageMB": setup_told.data_storage(org.storage),
        }
    )


def _limit(most: int, used: int) -> dict[str, int]:
    return {"Max": most, "Remaining": max(most - used, 0)}


async def _describe_all(org: Org, request: Request) -> Response:
    summaries = [sobject.summary() for sobject in OBJECTS.values()]
    return JSONResponse({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries})


async def _describe(org: Org, request: Request) -> Response:
    sobject = sobject_of(request.path_params["object"])
    return JSONResponse(setup_told.describe(org.storage, sobject))


async def _tooling(org: Org, request: Request) -> Response:
    records = setup_told.tooling_query(org.storage, request.query_params.get("q", ""))
    return JSONResponse({"size": len(records), "totalSize": len(records), "done": True,
                         "records": records})  # fmt: skip


# Records


async def _create(org: Org, request: Request) -> Response:
    outcome = await _write(org, request, "insert", {})
    return JSONResponse({"id": outcome.id, "success": True, "errors": []}, 201)


async def _patch(org: Org, request: Request) -> Response:
    await _write(org, request, "update", {"Id": request.path_params["id"]})
    return Response(status_code=204)


async def _delete(org: Org, request: Request) -> Response:
    writer = Writer(org.storage, request.path_params["object"])
    _raise_refusal(writer.apply("delete", [{"Id": request.path_params["id"]}])[0])
    return Response(status_code=204)


async def _upsert(org: Org, request: Request) -> Response:
    key, value = _key(request)
    outcome = await _write(org, request, "upsert", {key: value}, key)
    answer = {"id": outcome.id, "success": True, "errors": [], "created": outcome.created}
    return JSONResponse(answer, 201 if outcome.created else 200)


async def _write(
    org: Org,
    request: Request,
    operation: Operation,
    fixed: dict[str, str | None],
    key: str | None = None,
) -> Outcome:
    sobject = sobject_of(request.path_params["object"])
    row = _row(sobject, await json_object(request)) | fixed
    outcome = _writer(org, request, sobject).apply(operation, [row], key)[0]
    _raise_refusal(outcome)
    return outcome


def _raise_refusal(outcome: Outcome) -> None:
    refusal = outcome.refusal
    if refusal is not None:
        status = _STATUSES.get(refusal.code, 400)
        raise ApiError(status, refusal.code, refusal.message, refusal.duplicates)


def _writer(org: Org, request: Request, sobject: SObject) -> Writer:
    """Return a writer that heeds the request's `Sforce-Duplicate-Rule-Header`."""
    said = request.headers.get("sforce-duplicate-rule-header", "")
    return Writer(org.storage, sobject.name, allow_duplicates=bool(_ALLOW_SAVE.search(said)))


async def _get(org: Org, request: Request) -> Response:
    sobject = sobject_of(request.path_params["object"])
    if "id" in request.path_params:
        key, value = "Id", long_id(request.path_params["id"])
    else:
        key, value = _key(request)
    found = org.storage.find(sobject, key, [value]).get(value, [])
    live = [record for record in found if record["IsDeleted"] != "true"]
    if not live:
        code = "ENTITY_IS_DELETED" if found else "NOT_FOUND"
        raise ApiError(404, code, "The requested resource does not exist")
    if len(live) > 1:
        places = [f"{_DATA}/sobjects/{sobject.name}/{record['Id']}" for record in live]
        return JSONResponse(places, 300)
    wanted = request.query_params.get("fields")
    names = wanted.split(",") if wanted else list(sobject.by_name)
    return JSONResponse(_record(sobject, names, [live[0].get(name) for name in names]))


def _key(request: Request) -> tuple[str, str]:
    sobject = sobject_of(request.path_params["object"])
    field = sobject.by_lower_name.get(request.path_params["field"].lower())
    if field is None or not field.external_id:
        raise ApiError(404, "NOT_FOUND", "Provided external ID field does not exist or is"
                       f" not accessible: {request.path_params['field']}")  # fmt: skip
    return field.name, unquote(request.path_params["value"])


async def _collection(org: Org, request: Request) -> Response:
    sobject = sobject_of(request.path_params["object"])
    body = await json_object(request)
    records = body.get("records", [])
    if len(records) > _COLLECTION_MAX:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"record limit reached: {_COLLECTION_MAX}")
    field = sobject.by_lower_name.get(request.path_params["field"].lower())
    if field is None or not (field.external_id or field.type == "id"):
        raise ApiError(400, "INVALID_FIELD", f"{request.path_params['field']} isn't an external id")
    rows = [_row(sobject, record) for record in records]
    writer = _writer(org, request, sobject)
    outcomes = _all_or_none(org, writer, rows, field.name, bool(body.get("allOrNone")))
    return JSONResponse([_result(outcome) for outcome in outcomes])


def _all_or_none(
    org: Org, writer: Writer, rows: list[dict[str, str | None]], key: str, is_strict: bool
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        with org.storage.transaction():
            outcomes = writer.apply("upsert", rows, key)
            if is_strict and any(outcome.refusal for outcome in outcomes):
                raise _RolledBackError
    except _RolledBackError:
        return [outcome if outcome.refusal else _ROLLED_BACK for outcome in outcomes]
    return outcomes


class _RolledBackError(Exception):
    """Undo a Collections call of which one record was refused."""


_ROLLED_BACK = Outcome(
    refusal=Refusal(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone"
        " header",
    )
)


def _result(outcome: Outcome) -> dict[str, Any]:
    if outcome.refusal is not None:
        errors = [outcome.refusal.body]
        return {"success": False, "errors": errors} | ({"id": outcome.id} if outcome.id else {})
    return {"id": outcome.id, "success": True, "errors": [], "created": outcome.created}


def _row(sobject: SObject, record: dict[str, Any]) -> dict[str, str | None]:
    """Turn a JSON record into a row; null clears, a missing field is left alone."""
    row: dict[str, str | None] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        field = sobject.by_lower_name.get(name.lower())
        if field is None:
            raise ApiError(
                400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
            )
        if value is None:
            row[field.name] = None
        elif isinstance(value, bool):
            row[field.name] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            row[field.name] = str(value)
        else:
            raise ApiError(400, "JSON_PARSER_ERROR", f"Unexpected value for {field.name}")
    return row


# Queries


async def _query(org: Org, request: Request) -> Response:
    return _first_page(org, request.query_params.get("q", ""), include_deleted=False)


async def _query_all(org: Org, request: Request) -> Response:
    return _first_page(org, request.query_params.get("q", ""), include_deleted=True)


def _first_page(org: Org, text: str, *, include_deleted: bool) -> Response:
    query = soql.parse(text)
    if query.sobject.name == event_logs.OBJECT:
        event_logs.refresh(org.storage)
    if not query.fields:
        count = query.count(org.storage, include_deleted=include_deleted)
        return JSONResponse({"totalSize": count, "done": True, "records": []})
    return _page(org, text, include_deleted, 0, None)


async def _query_more(org: Org, request: Request) -> Response:
    name, _, start = request.path_params["cursor"].partition("-")
    cursor = org.storage.db.execute("select * from cursors where id = ?", (name,)).fetchone()
    if cursor is None or not start.isdigit():
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(org, cursor["soql"], bool(cursor["deleted"]), int(start), name)


def _page(org: Org, text: str, include_deleted: bool, start: int, cursor: str | None) -> Response:
    query = soql.parse(text)
    rows = list(query.rows(org.storage, include_deleted=include_deleted))
    answer: dict[str, Any] = {"totalSize": len(rows), "done": start + _PAGE >= len(rows)}
    if not answer["done"]:
        if cursor is None:
            cursor = org.storage.next_ids("01g", 1)[0]
            org.storage.db.execute(
                "insert into cursors values (?, ?, ?)", (cursor, text, include_deleted)
            )
        answer["nextRecordsUrl"] = f"{_DATA}/query/{cursor}-{start + _PAGE}"
    answer["records"] = [
        _record(query.sobject, query.fields, row) for row in rows[start : start + _PAGE]
    ]
    return JSONResponse(answer)


def _record(sobject: SObject, names: Any, values: list[str | None]) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": sobject.name}}
    for name, value in zip(names, values, strict=True):
        field = sobject.by_name.get(name)
        if field is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on {sobject.name}")
        record[name] = _json_value(field.type, value)
    if record.get("Id"):
        record["attributes"]["url"] = f"{_DATA}/sobjects/{sobject.name}/{record['Id']}"
    return record


def _json_value(field_type: str, value: str | None) -> Any:
    if value is None:
        return None
    if field_type == "boolean":
        return value == "true"
    if field_type in {"double", "currency"}:
        return float(value)
    return value.replace("Z", "+0000") if field_type == "datetime" else value
