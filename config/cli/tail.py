"""`tailsvc tail`: the newest events of a stream, and those that come."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from config.cli.asking import SINCE_HELP, JsonOption, StreamArgument, UtcOption, explained, style_for
from config.cli.event_lines import json_line
from config.cli.following import Following, Over
from config.cli.moments import millis, moment
from config.cli.servers import OwnHomeOption, ServerOption
from config.cli.service import speaking_to
from config.cli.terminal import INTERRUPTED, counted, fail, printable, tell, writing
from tailsvc import limits

_DEFAULT = 10


def tail(
    stream: StreamArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print what comes.")] = False,
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, max=limits.TAIL_LINES, help=f"Of the newest; {_DEFAULT} without --since."),
    ] = None,
    since: Annotated[str | None, typer.Option(help=SINCE_HELP, metavar="TIME")] = None,
    query: Annotated[
        str, typer.Option("--filter", "-q", help="Only what this query finds, as `tailsvc search` takes it.")
    ] = "",
    as_json: JsonOption = False,
    utc: UtcOption = False,
    server: ServerOption = None,
    home: OwnHomeOption = None,
) -> None:
    """Print the newest events, oldest first, and with -f those that come, until Ctrl-C.

    A lost connection is taken up again where it broke off.
    """
    edge = None if since is None else millis(moment(since, now=datetime.now(UTC), zone=UTC if utc else None))
    params = _params(follow=follow, query=query, since=edge, lines=lines)
    line = json_line if as_json else style_for(query, utc=utc).line
    try:
        with speaking_to(server, home) as service, explained(query), writing(at_once=True) as write:
            uuid = service.stream(stream)["uuid"]
            following = Following(service, uuid, params, on_loss=_say_lost, on_return=_say_back)
            for message in following.messages():
                if message.kind == "":
                    write(line(message.content))
                elif message.kind == "gap":
                    _say_gap(message.content)
    except Over as over:
        fail(printable(str(over)))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _params(*, follow: bool, query: str, since: int | None, lines: int | None) -> dict[str, str]:
    params = {"follow": "true" if follow else "false"}
    if query:
        params["query"] = query
    if since is not None:
        params["since"] = str(since)
    if lines is not None or since is None:
        params["lines"] = str(_DEFAULT if lines is None else lines)
    return params


def _say_lost(why: str, seconds: float) -> None:
    tell(f"Connection lost: {printable(why).rstrip('.')}. Trying again in {seconds:.1f} s.", style="yellow")


def _say_back() -> None:
    tell("Connected again, and going on where it broke off.", style="green")


def _say_gap(gap: Mapping[str, Any]) -> None:
    if gap.get("reason") == "restored":
        tell("The stream was restored from a backup; going on with what it has.", style="yellow")
    else:
        tell(f"{counted(gap.get('missing', 0), 'event')} were deleted before they could be shown.", style="yellow")
