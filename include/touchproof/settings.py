"""Typed settings and the places where a world's data lies.

Belongs here: every setting (environment prefix `TOUCHPROOF_`) with its default and unit, and
`WorldPaths`, the only owner of the folder names under `TOUCHPROOF_DATA_DIR/<world>/`.
Doesn't belong here: Airflow connections (touchproof_airflow turns them into these variables).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from touchproof.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PRODUCTION_WORLD = "main"
FOUR_EYES_CENTS = 100_000
AttributionModel = Literal[
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
    "markov",
    "shapley",
]
OrgModel = Literal["lead_contact", "person_accounts"]
_SANDBOX_PSEUDONYM_KEY = "sandbox: not a secret, refused by the production world"


@dataclass(frozen=True)
class WorldPaths:
    """Name every file and folder of one world.

    Args:
        root: `TOUCHPROOF_DATA_DIR/<world>`.
    """

    root: Path

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    @property
    def drops(self) -> Path:
        return self.sandbox / "drops"

    @property
    def truth(self) -> Path:
        return self.sandbox / "truth"

    @property
    def salesforce_server(self) -> Path:
        return self.sandbox / "salesforce"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def gate(self) -> Path:
        return self.root / "gate"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "touchproof.duckdb"

    @property
    def warehouse_lock(self) -> Path:
        return self.root / "warehouse" / "touchproof.duckdb.lock"

    @property
    def published(self) -> Path:
        return self.root / "published" / "touchproof.duckdb"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger" / "touchproof.sqlite"

    @property
    def ledger_backups(self) -> Path:
        return self.root / "ledger" / "backups"

    @property
    def closed_months(self) -> Path:
        return self.root / "ledger" / "closed"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def public_keys(self) -> Path:
        return self.evidence / "public_keys"

    @property
    def sandbox_evidence_key(self) -> Path:
        return self.sandbox / "evidence_key.pem"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def push(self) -> Path:
        """Return where a running push keeps its files; empty while none runs."""
        return self.root / "push"

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    def handoff(self, night: date) -> Path:
        """Return the folder that publish hands over for one night."""
        return self.root / "handoff" / night.isoformat()


class Settings(BaseSettings):
    """Hold the settings of one process; read once at its edge and passed in."""

    model_config = SettingsConfigDict(env_prefix="TOUCHPROOF_", frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    world: str = "demo"
    business_timezone: str = "America/New_York"
    reporting_currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    pseudonym_key: SecretStr | None = None
    bank_hash_keys: SecretStr | None = None
    drops_dir: Path | None = None
    ledger_url: str | None = None
    lock_timeout_seconds: float = 1800.0
    max_unpacked_megabytes: int = Field(default=2048, gt=0)

    salesforce_username: str | None = None
    salesforce_password: SecretStr | None = None
    salesforce_security_token: SecretStr | None = None
    salesforce_client_id: str | None = None
    salesforce_client_secret: SecretStr | None = None
    salesforce_private_key_file: Path | None = None
    salesforce_domain: str = "login"
    salesforce_loopback_url: str | None = None
    salesforce_auth: Literal["password", "jwt", "client_credentials"] = "password"

    evidence_key_id: str | None = None
    evidence_private_key: SecretStr | None = None
    evidence_key_valid_from: str | None = None
    evidence_key_valid_to: str | None = None

    org_model: OrgModel = "lead_contact"
    """Whether a customer is a contact in the org, or a person account."""
    salesforce_attribution_model: AttributionModel = "position_based"
    """Whose revenue and shares the CRM shows."""

    max_changed_share: float = Field(default=0.20, ge=0, le=1)
    confirm_first_plan: bool = False
    max_refused_share: float = Field(default=0.05, ge=0, le=1)
    few_refused_records: int = Field(default=10, ge=0)
    """Up to so many refused records are dead letters, whatever their share; more fail the push."""
    salesforce_reserve_share: float = Field(default=0.10, ge=0, le=1)
    salesforce_lane_share: float = Field(default=0.02, ge=0, le=1)
    """Of the allowance, for the lane of new leads alone, beside the reserve of other systems."""
    salesforce_first_look_seconds: float = Field(default=1.0, ge=0, le=120)
    """What a job takes in the org however few rows it has; the first poll comes no earlier."""
    salesforce_rows_per_second: int = Field(default=1_000, ge=1)
    """How many rows of a job the org processes in a second; fewer where triggers run on them."""
    max_waiting_nights: int = Field(default=3, ge=0)
    """So many nights in a row an object may wait for calls or storage; the next one fails."""
    lane_period_seconds: int = Field(default=600, ge=30)
    publish_deadline: str = "06:00"
    alert_emails: str | None = None
    """Whom a failed task tells, separated by commas; by Airflow's connection touchproof_alerts."""
    four_eyes_cents: int = Field(default=FOUR_EYES_CENTS, ge=0)
    """In cents of a claim's own currency; a larger fee needs three different hands."""

    @field_validator("world")
    @classmethod
    def _plain_world(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", value):
            raise ValueError("a world is named with lower-case letters, digits and underscores")
        return value

    @field_validator("business_timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        ZoneInfo(value)
        return value

    @cached_property
    def paths(self) -> WorldPaths:
        """Return the world's places; a relative data folder counts from the project's root."""
        base = self.data_dir if self.data_dir.is_absolute() else PROJECT_ROOT / self.data_dir
        return WorldPaths(base / self.world)

    @property
    def is_production(self) -> bool:
        """Tell whether this is the production world, where no default secret is accepted."""
        return self.world == PRODUCTION_WORLD

    @property
    def drops(self) -> Path:
        """Return the folder in which file sources arrive, one sub-folder an arrival day."""
        return self.drops_dir or self.paths.drops

    @property
    def ledger_location(self) -> str:
        """Return the SQLAlchemy URL of the ledger."""
        return self.ledger_url or f"sqlite:///{self.paths.ledger}"

    def require_pseudonym_key(self) -> bytes:
        """Return the key of all pseudonyms.

        Raises:
            ConfigurationError: If the production world has none.
        """
        if self.pseudonym_key is not None:
            return self.pseudonym_key.get_secret_value().encode()
        if self.is_production:
            raise ConfigurationError(
                "The pseudonym key is missing",
                where="TOUCHPROOF_PSEUDONYM_KEY",
                todo="Set it from the secret store; changing it later changes every pseudonym.",
            )
        return _SANDBOX_PSEUDONYM_KEY.encode()
