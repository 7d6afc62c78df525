"""What a planned fault does to a call: another answer, a late one, a broken one, none.

Belongs here: the effects on the connection and on the answer. Doesn't belong here: which fault
meets a call (faults.py), faults of jobs (jobs.py), the work itself (the routes).

A call has two halves here: `answer_of` makes the answer, after which the call is counted, and
`broken` says how it goes out. A call whose connection is cut before it arrived whole isn't worked
on and isn't counted (a guess: nothing says when the real one counts).
"""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from touchproof_sandbox.salesforce.faults import Fault

EFFECTS = frozenset(
    {"answer", "slow", "cut", "length", "chunks", "expire_sessions", "reorder", "lose_rows"}
)
CUT_MOMENTS = ("before", "in_request", "after", "in_answer")
_UNRECEIVED = ("before", "in_request")
_open: dict[Any, asyncio.Transport] = {}


class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at run time
    """Speak HTTP as uvicorn does and remember the connection of each client address."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._peer = transport.get_extra_info("peername")
        _open[self._peer] = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        _open.pop(self._peer, None)
        super().connection_lost(exc)


def is_received(fault: Fault | None) -> bool:
    """Tell whether a call reaches the org at all, and so counts."""
    return not (
        fault is not None and fault.effect == "cut" and fault.options["moment"] in _UNRECEIVED
    )


def tells_usage(fault: Fault | None) -> bool:
    """Tell whether the answer has the header with the allowance; an outer gate's hasn't."""
    return fault is None or fault.effect != "answer" or bool(fault.options.get("tells_usage"))


async def answer_of(
    fault: Fault | None,
    request: Request,
    work: Callable[[], Awaitable[Response]],
    expire_sessions: Callable[[], None],
) -> Response:
    """Return the answer of a call, worked on or not as the fault says.

    Args:
        fault: What meets it.
        request: The request.
        work: Does the call's own work.
        expire_sessions: Ends all sessions.
    """
    if fault is None:
        return await work()
    options = fault.options
    if fault.effect == "answer":
        if options.get("is_worked"):
            await work()
        return Response(options["body"], options["status"], media_type=options["type"])
    if not is_received(fault):
        if options["moment"] == "in_request":
            await _read_half(request)
        return Response(status_code=500)
    if fault.effect == "expire_sessions":
        expire_sessions()
    response = await work()
    if fault.effect in {"reorder", "lose_rows"} and response.status_code == 200:
        _, _, body = await _collected(response, request.scope)
        content = _changed_rows(body, fault)
        return Response(content, 200, media_type=response.headers["Content-Type"])
    return response


def broken(fault: Fault | None, response: Response) -> Response:
    """Return the answer as it goes out."""
    if fault is None:
        return response
    if fault.effect == "slow":
        return _Late(response, fault.options["seconds"])
    if fault.effect == "cut":
        return _Cut(response if fault.options["moment"] == "in_answer" else None)
    if fault.effect == "length":
        return _WrongLength(response, fault.options["extra"])
    return _BrokenChunks(response) if fault.effect == "chunks" else response


async def _read_half(request: Request) -> None:
    half = int(request.headers.get("content-length") or 0) // 2
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size >= half:
                return
    except ClientDisconnect:
        return


def _changed_rows(body: bytes, fault: Fault) -> bytes:
    """Return a CSV with its rows in another order, or without some."""
    header, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    if fault.effect == "reorder":
        random.Random(fault.options["seed"]).shuffle(rows)  # noqa: S311  no secret
    else:
        rows = rows[: max(len(rows) - fault.options["rows"], 0)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([header, *rows])
    return text.getvalue().encode()


async def _collected(response: Response, scope: Scope) -> tuple[int, list[Any], bytes]:
    """Return an answer's status, headers and body without sending it."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    async def nothing() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    await response(scope, nothing, keep)
    start, *bodies = messages
    return start["status"], start["headers"], b"".join(part.get("body", b"") for part in bodies)


class _Disturbed(Response):
    """Stand for an answer that doesn't go out as it should."""

    def __init__(self, inner: Response) -> None:
        self._inner = inner
        super().__init__(status_code=inner.status_code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the bytes and close the connection."""
        status, headers, body = await _collected(self._inner, scope)
        transport = _open.get(scope["client"])
        if transport is not None:
            transport.write(self._bytes(status, headers, body))
            transport.close()
        await _disconnected(receive)

    def _bytes(self, status: int, headers: list[Any], body: bytes) -> bytes:
        raise NotImplementedError

    @staticmethod
    def _head(status: int, headers: list[Any], framing: str) -> bytes:
        kept = [
            name + b": " + value for name, value in headers if name.lower() != b"content-length"
        ]
        lines = [f"HTTP/1.1 {status} -".encode(), *kept, framing.encode(), b"", b""]
        return b"\r\n".join(lines)


class _WrongLength(_Disturbed):
    def __init__(self, inner: Response, extra: int) -> None:
        super().__init__(inner)
        self._extra = extra

    def _bytes(self, status: int, headers: list[Any], body: bytes) -> bytes:
        told = max(len(body) + self._extra, 0)
        return self._head(status, headers, f"Content-Length: {told}") + body


class _BrokenChunks(_Disturbed):
    def _bytes(self, status: int, headers: list[Any], body: bytes) -> bytes:
        half = body[: len(body) // 2]
        chunk = f"{len(half):x}\r\n".encode() + half + b"\r\nno size\r\n"
        return self._head(status, headers, "Transfer-Encoding: chunked") + chunk


class _Cut(_Disturbed):
    """Cut the connection; with an answer, in the middle of its body."""

    def __init__(self, inner: Response | None) -> None:
        super().__init__(inner or Response())
        self._has_head = inner is not None

    def _bytes(self, status: int, headers: list[Any], body: bytes) -> bytes:
        if not self._has_head:
            return b""
        return self._head(status, headers, f"Content-Length: {len(body)}") + body[: len(body) // 2]


class _Late(_Disturbed):
    """Answer after some seconds."""

    def __init__(self, inner: Response, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer as usual."""
        await asyncio.sleep(self._seconds)
        await self._inner(scope, receive, send)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
