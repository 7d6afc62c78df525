"""The clock that the command line and the DAGs pass in.

Belongs here: reading the time of day, once, at the edge. Library functions take a `Clock` (or a
night) and never read the time themselves. Nights and business dates are derived here too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment in UTC (timezone-aware)."""
    return datetime.now(UTC)


def night_of(moment: datetime, business_timezone: str) -> date:
    """Return the night that a run started at `moment` processes: the business day before.

    Args:
        moment: Timezone-aware start of the run.
        business_timezone: IANA name of the business time zone.
    """
    return moment.astimezone(ZoneInfo(business_timezone)).date() - timedelta(days=1)
