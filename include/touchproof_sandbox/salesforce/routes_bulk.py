"""The routes of Bulk API 2.0.

Belongs here: reading requests for ingest and query jobs and answering them. Doesn't belong here:
the jobs themselves (jobs.py).
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.job_files import JobRow
from touchproof_sandbox.salesforce.jobs import (
    MAX_UPLOAD_BYTES,
    MULTIPART_MAX_CHARACTERS,
)
from touchproof_sandbox.salesforce.org import Org
from touchproof_sandbox.salesforce.routing import call, json_object
from touchproof_sandbox.salesforce.schema import API_VERSION

_QUERY_PAGE_MAX = 100_000
_JOBS = f"/services/data/v{API_VERSION}/jobs"


def bulk_routes(org: Org) -> list[Route]:
    """Return the routes of ingest and query jobs."""
    ingest = "/jobs/ingest"
    query = "/jobs/query"
    return [
        call(org, ingest, ["POST"], "bulk_ingest", _create_ingest),
        call(org, ingest, ["GET"], "bulk_ingest", _list_ingest),
        call(org, ingest + "/{id}", ["GET"], "bulk_ingest", _poll_ingest),
        call(org, ingest + "/{id}", ["PATCH"], "bulk_ingest", _patch_ingest),
        call(org, ingest + "/{id}", ["DELETE"], "bulk_ingest", _delete_ingest),
        call(org, ingest + "/{id}/batches", ["PUT"], "bulk_ingest", _upload),
        call(org, ingest + "/{id}/{kind}", ["GET"], "bulk_ingest", _results),
        call(org, query, ["POST"], "bulk_query", _create_query),
        call(org, query, ["GET"], "bulk_query", _list_query),
        call(org, query + "/{id}", ["GET"], "bulk_query", _poll_query),
        call(org, query + "/{id}", ["PATCH"], "bulk_query", _patch_query),
        call(org, query + "/{id}", ["DELETE"], "bulk_query", _delete_query),
        call(org, query + "/{id}/results", ["GET"], "bulk_query", _query_results),
    ]


async def _create_ingest(org: Org, request: Request) -> Response:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return JSONResponse(job_answer(org.jobs.create_ingest(await json_object(request))))
    async with request.form(max_part_size=4 * MULTIPART_MAX_CHARACTERS) as form:
        asked = _parsed(await _part(form.get("job")))
        content = await _part(form.get("content"))
    if not isinstance(asked, dict):
        raise ApiError(400, "INVALIDJOB", "The part 'job' is missing or isn't a JSON object")
    if len(content.decode("utf-8", "replace")) > MULTIPART_MAX_CHARACTERS:
        raise ApiError(400, "INVALIDJOB", "A multipart request holds at most 100,000 characters")
    with org.storage.transaction():
        job = org.jobs.create_ingest(asked)
        org.jobs.upload(job["id"], _spool(org, [content]))
        closed = org.jobs.patch("ingest", job["id"], "UploadComplete")
    return JSONResponse(job_answer(closed))


def _parsed(part: bytes) -> Any:
    try:
        return json.loads(part)
    except ValueError:
        return None


async def _part(part: UploadFile | str | None) -> bytes:
    if isinstance(part, UploadFile):
        return await part.read()
    return (part or "").encode()


async def _upload(org: Org, request: Request) -> Response:
    job_id = request.path_params["id"]
    org.jobs.get("ingest", job_id)
    if not request.headers.get("content-type", "").startswith("text/csv"):
        raise ApiError(400, "INVALIDJOB", "The content must be text/csv")
    spooled = _spool(org, [])
    size = 0
    try:
        with spooled.open("wb") as file:
            async for piece in request.stream():
                size += len(piece)
                if size <= MAX_UPLOAD_BYTES:
                    file.write(piece)
        if size > MAX_UPLOAD_BYTES:
            raise ApiError(413, "REQUEST_ENTITY_TOO_LARGE", "The upload is larger than 100 MB")
        org.jobs.upload(job_id, spooled)
    finally:
        spooled.unlink(missing_ok=True)
    return Response(status_code=201)


def _spool(org: Org, pieces: list[bytes]) -> Path:
    handle, name = tempfile.mkstemp(dir=org.storage.jobs_folder, suffix=".upload")
    with open(handle, "wb") as file:  # noqa: PTH123  a descriptor, not a path
        for piece in pieces:
            file.write(piece)
    return Path(name)


async def _list_ingest(org: Org, request: Request) -> Response:
    return _listing(org, "ingest", request)


async def _list_query(org: Org, request: Request) -> Response:
    return _listing(org, "query", request)


def _listing(org: Org, kind: str, request: Request) -> Response:
    start = request.query_params.get("queryLocator", "0")
    page, following = org.jobs.page(kind, int(start) if start.isdigit() else 0)
    answer: dict[str, Any] = {
        "done": following is None,
        "records": [_listed(job_answer(job)) for job in page],
    }
    if following is not None:
        answer["nextRecordsUrl"] = f"{_JOBS}/{kind}?queryLocator={following}"
    return JSONResponse(answer)


def _listed(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a listing doesn't tell: counts and errors."""
    hidden = ("number", "retries", "total", "apexProc", "apiActive", "errorMessage")
    return {name: value for name, value in answer.items() if not name.startswith(hidden)}


async def _poll_ingest(org: Org, request: Request) -> Response:
    return JSONResponse(job_answer(org.jobs.poll("ingest", request.path_params["id"])))


async def _poll_query(org: Org, request: Request) -> Response:
    return JSONResponse(job_answer(org.jobs.poll("query", request.path_params["id"])))


async def _patch_ingest(org: Org, request: Request) -> Response:
    return await _patch(org, "ingest", request)


async def _patch_query(org: Org, request: Request) -> Response:
    return await _patch(org, "query", request)


async def _patch(org: Org, kind: str, request: Request) -> Response:
    state = str((await json_object(request)).get("state", ""))
    return JSONResponse(job_answer(org.jobs.patch(kind, request.path_params["id"], state)))


async def _delete_ingest(org: Org, request: Request) -> Response:
    org.jobs.delete("ingest", request.path_params["id"])
    return Response(status_code=204)


async def _delete_query(org: Org, request: Request) -> Response:
    org.jobs.delete("query", request.path_params["id"])
    return Response(status_code=204)


async def _results(org: Org, request: Request) -> Response:
    path = org.jobs.result_file(request.path_params["id"], request.path_params["kind"])
    response = FileResponse(path, headers={"Content-Type": "text/csv"})  # no charset: as the real
    return response


async def _create_query(org: Org, request: Request) -> Response:
    return JSONResponse(job_answer(org.jobs.create_query(await json_object(request))))


async def _query_results(org: Org, request: Request) -> Response:
    rows = request.query_params.get("maxRecords", str(_QUERY_PAGE_MAX))
    if not rows.isdigit() or int(rows) < 1:
        raise ApiError(400, "INVALIDJOB", "maxRecords must be a positive number")
    first = _row_of(request.query_params.get("locator", ""))
    content, count, following = org.jobs.query_page(
        request.path_params["id"], first, min(int(rows), _QUERY_PAGE_MAX)
    )
    headers = {
        "Content-Type": "text/csv",
        "Sforce-NumberOfRecords": str(count),
        "Sforce-Locator": "null" if following is None else _locator_of(following),
    }
    return Response(content, headers=headers)


def _locator_of(row: int) -> str:
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _row_of(locator: str) -> int:
    if not locator:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (binascii.Error, ValueError):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None


def job_answer(job: JobRow) -> dict[str, Any]:
    """Return a job's JSON as a poll answers it."""
    answer: dict[str, Any] = {
        "id": job["id"],
        "operation": job["operation"],
        "object": job["object"],
        "createdById": "0055e000000TPUSEA2",
        "createdDate": job["created_at"].replace("Z", "+0000"),
        "systemModstamp": job["modified_at"].replace("Z", "+0000"),
        "state": job["state"],
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(API_VERSION),
        "lineEnding": job["line_ending"],
        "columnDelimiter": job["delimiter"],
        "jobType": "V2Query" if job["kind"] == "query" else "V2Ingest",
    }
    if job["kind"] == "ingest":
        answer["contentUrl"] = f"services/data/v{API_VERSION}/jobs/ingest/{job['id']}/batches"
    if job["external_id_field"]:
        answer["externalIdFieldName"] = job["external_id_field"]
    if job["state"] not in {"Open", "UploadComplete"}:
        answer |= {
            "numberRecordsProcessed": job["processed"],
            "retries": 0,
            "totalProcessingTime": 0,
        }
        if job["kind"] == "ingest":
            answer |= {
                "numberRecordsFailed": job["failed"],
                "apiActiveProcessingTime": 0,
                "apexProcessingTime": 0,
            }
    if job["error"]:
        answer["errorMessage"] = job["error"]
    return answer
