"""`tailsvc search`: the events of a stream that a query finds."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from config.cli.asking import SINCE_HELP, JsonOption, StreamArgument, UtcOption, explained, style_for
from config.cli.event_lines import json_line
from config.cli.moments import millis, moment
from config.cli.servers import OwnHomeOption, ServerOption
from config.cli.service import Refused, Service, speaking_to
from config.cli.terminal import INTERRUPTED, is_terminal, printable, tell, writing
from tailsvc import limits

_DEFAULT = 100


def search(
    stream: StreamArgument,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="""For example 'status:>=500 "timeout" NOT level:debug'.""")
    ] = "",
    since: Annotated[str | None, typer.Option(help=SINCE_HELP, metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option(help="Up to then, itself included.", metavar="TIME")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many events.")] = _DEFAULT,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Without it, the newest come first.")] = False,
    as_json: JsonOption = False,
    utc: UtcOption = False,
    server: ServerOption = None,
    home: OwnHomeOption = None,
) -> None:
    """Find events and print them. A query that begins with a minus goes behind `--`."""
    asked = {"query": query, "direction": "asc" if oldest_first else "desc", "total": "false"}
    asked |= _window(since, until, utc=utc)
    line = json_line if as_json else style_for(query, utc=utc).line
    count = 0
    try:
        with speaking_to(server, home) as service, explained(query), writing() as write:
            for event in _events(service, service.stream(stream)["uuid"], asked, limit):
                write(line(event))
                count += 1
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if count == 0 and is_terminal() and not as_json:
        tell("Nothing was found.")


def _window(since: str | None, until: str | None, *, utc: bool) -> dict[str, str]:
    now, zone = datetime.now(UTC), UTC if utc else None
    given = {"start_time": since, "end_time": until}
    return {name: str(millis(moment(text, now=now, zone=zone))) for name, text in given.items() if text is not None}


def _events(service: Service, uuid: str, asked: Mapping[str, str], limit: int) -> Iterator[Mapping[str, Any]]:
    """Page by page; the next is asked for when this one has been taken."""
    params, told = dict(asked), False
    while limit > 0:
        page = _page(service, uuid, {**params, "limit": min(limit, limits.PAGE_EVENTS)})
        yield from page["data"]
        limit -= len(page["data"])
        for missing in page["meta"].get("incomplete", ()) if not told else ():
            tell(f"Cannot be read: {printable(missing)}", style="yellow")
            told = True
        if not page["meta"]["has_more"]:
            return
        params = {"cursor": page["meta"]["next_cursor"], "total": "false"}


def _page(service: Service, uuid: str, params: Mapping[str, Any]) -> Any:
    """In the middle of a walk a limit of rate is waited for; before its first page it is told."""
    while True:
        try:
            return service.call("GET", f"/api/streams/{uuid}/logs", params=params)
        except Refused as refused:
            if "cursor" not in params or refused.status not in (429, 503) or refused.retry_after is None:
                raise
            tell(f"{printable(str(refused))} Going on in {refused.retry_after:.0f} s.", style="yellow")
            time.sleep(refused.retry_after)
