"""Lines that are ours and not the pipeline's, as Feldera's manager writes them among the others."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

ENDED = b"Logs have ended\n"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """As far as such a line tells of it."""

    id: UUID
    name: str

    def fresh_start(self, at: datetime) -> bytes:
        return self.line(at, "INFO", "Fresh start of pipeline logs")

    def discarded(self, lines: int, at: datetime) -> bytes:
        told = f"... {lines} prior log lines were discarded due to buffer constraints and are thus not shown."
        return self.line(at, "WARN", told)

    def line(self, at: datetime, level: str, told: str) -> bytes:
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        text = f'[manager] {stamp} {level:>5} tailsvc::logs: {told} pipeline-id="{self.id}" pipeline-name="{self.name}"'
        return text.encode() + b"\n"
