"""How the loopback server says no.

Belongs here: the refusal of a request and of a row, in the texts that Salesforce uses.
Doesn't belong here: when to refuse (rules.py, jobs.py, the routes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """Refuse a request with a status and Salesforce's array of one error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> list[dict[str, Any]]:
        return [{"errorCode": self.code, "message": self.message}]


@dataclass(frozen=True)
class Refusal:
    """Refuse one row."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the text of `sf__Error`."""
        names = ", ".join(self.fields)
        return (
            f"{self.code}:{self.message}:{names} --" if names else f"{self.code}:{self.message}:--"
        )

    @property
    def body(self) -> dict[str, Any]:
        """Return the error of a Collections result."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}
