"""The errors that touchproof raises.

Belongs here: the one hierarchy, each error saying what happened, where, and what to do.
Doesn't belong here: deciding what to do about them (gates, DAGs and the command line do).
"""

from __future__ import annotations


class TouchproofError(Exception):
    """Say in one sentence what happened, where, and what to do.

    Args:
        what: What happened, without any value from the data.
        where: The source, batch, file, record or setting concerned.
        todo: What the reader should do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo
        super().__init__(what, where, todo)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f" {self.todo}" if self.todo else ""
        return f"{self.what}{place}.{advice}"


class BadInputError(TouchproofError):
    """Report input that a person gave and can correct; the command line exits with 2."""

    exit_code = 2


class ConfigurationError(BadInputError):
    """Report a missing, contradictory or unsafe setting."""


class SourceUnavailableError(TouchproofError):
    """Report a source system that doesn't answer or refuses us."""


class UnreadableFileError(TouchproofError):
    """Report a file with a structural fault; the file is quarantined by the caller."""


class GateFailedError(TouchproofError):
    """Report a quality gate that stops the night."""


class LockTimeoutError(TouchproofError):
    """Report a lock that another process holds for too long."""


class LedgerError(TouchproofError):
    """Report a ledger that can't be used as it stands."""


class SalesforceError(TouchproofError):
    """Report a Salesforce call or job that failed."""


class PausedError(TouchproofError):
    """Report work that goes on later: it is neither over nor failed, and stands where it can.

    Args:
        seconds: So long there is nothing to do.
    """

    def __init__(self, what: str, *, seconds: float, where: str = "") -> None:
        self.seconds = seconds
        super().__init__(what, where=where, todo=f"Go on in {seconds:.0f} seconds.")


class CheckFailedError(TouchproofError):
    """Report a verification that found something wrong."""
