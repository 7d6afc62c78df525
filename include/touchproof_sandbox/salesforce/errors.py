"""How the loopback server says no.

Belongs here: the refusal of a request and of a row, in the texts that Salesforce uses.
Doesn't belong here: when to refuse (rules.py, jobs.py, the routes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """Refuse a request with a status and Salesforce's array of one error.

    Args:
        status: HTTP status.
        code: Salesforce's error code.
        message: Its message.
        duplicates: What a duplicate rule found, as Salesforce tells it.
    """

    def __init__(
        self, status: int, code: str, message: str, duplicates: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.duplicates = duplicates

    @property
    def body(self) -> list[dict[str, Any]]:
        error: dict[str, Any] = {"errorCode": self.code, "message": self.message}
        return [error | _told(self.duplicates)]


@dataclass(frozen=True)
class Refusal:
    """Refuse one row; `duplicates` is what a duplicate rule found."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    duplicates: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return the text of `sf__Error`."""
        names = ", ".join(self.fields)
        return (
            f"{self.code}:{self.message}:{names} --" if names else f"{self.code}:{self.message}:--"
        )

    @property
    def body(self) -> dict[str, Any]:
        """Return the error of a Collections result."""
        error = {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}
        return error | _told(self.duplicates)


def _told(duplicates: Mapping[str, Any] | None) -> dict[str, Any]:
    # The name's spelling is the real API's, seen in public clients for single records; that
    # Collections uses it too is a guess.
    return {} if duplicates is None else {"duplicateResut": dict(duplicates)}
