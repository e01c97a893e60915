"""Times as people type them, and as they read them."""

from datetime import UTC, datetime, tzinfo

import typer

from config.cli.options import duration


def moment(text: str, *, now: datetime, zone: tzinfo | None) -> datetime:
    """ "1h" (ago), "2026-11-22", "2026-11-22T10:00", with a zone or in `zone` (None: the machine's).

    Raises BadParameter, which exits with 2.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return _ago(text, now)
    try:
        return found if found.tzinfo is not None else _in(found, zone)
    except (OverflowError, ValueError, OSError) as error:
        raise typer.BadParameter(f"{text!r} lies outside of all time.") from error


def _ago(text: str, now: datetime) -> datetime:
    try:
        return now - duration(text)
    except (typer.BadParameter, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no time; write for example 1h, 30m, 2026-11-22T10:00.") from error


def _in(naive: datetime, zone: tzinfo | None) -> datetime:
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)


def millis(found: datetime) -> int:
    return max(0, round(found.timestamp() * 1000))


def shown(timestamp: str, zone: tzinfo | None) -> str:
    """A time of the API, in milliseconds, in `zone` (None: the machine's)."""
    found = datetime.fromisoformat(timestamp)
    local = found.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}{'Z' if zone is UTC else ''}"
