"""What a query string asks, as Kubernetes reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.objects import limits
from apps.objects.forming import Options
from apps.objects.services import Deletion
from tailsvc.objects.kinds import Cause, forbidden, invalid
from tailsvc.objects.selectors import BadSelector, Selection, read_selection
from tailsvc.objects.statuses import bad_request, invalid_options

Query = Mapping[str, str]
_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"
_MANAGER_CHARS = 128
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """`version`: None for the newest; `exact`: as it was then, else it must only have been reached."""

    selection: Selection
    limit: int
    token: str
    version: int | None
    exact: bool
    timeout: float | None


@dataclass(frozen=True, slots=True)
class WatchQuestion:
    """`version`: behind which changes are wanted; None: begin with the objects that there are. `marks_initial`: with a
    bookmark behind these."""

    selection: Selection
    version: int | None
    at_least: int | None
    marks_initial: bool
    bookmarks: bool
    timeout: float | None


def read_list(query: Query) -> ListQuestion:
    match, version = query.get("resourceVersionMatch", ""), read_version(query)
    token, limit = query.get("continue", ""), min(_number(query, "limit") or 0, limits.PAGE_MAX)
    _check_match(query, match, token)
    # Without a word of it, a limit means exactly that version, as ever.
    exact = match == _EXACT or (not match and bool(limit) and bool(version))
    return ListQuestion(_selection(query), limit, token, version or None, exact, _timeout(query))


def read_watch(query: Query) -> WatchQuestion:
    match, version = query.get("resourceVersionMatch", ""), read_version(query)
    initial = flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    causes = []
    if initial is None and match:
        causes.append(_refused("resourceVersionMatch", "is forbidden for watch unless sendInitialEvents is provided"))
    if initial is not None and match != _NOT_OLDER:
        causes.append(_refused("resourceVersionMatch", "sendInitialEvents requires resourceVersionMatch=NotOlderThan"))
    if causes:
        raise invalid_options("ListOptions", causes)
    begins = initial or (initial is None and not version)
    bookmarks = flag(query, "allowWatchBookmarks")
    return WatchQuestion(
        selection=_selection(query),
        version=None if begins else version,
        at_least=version if begins else None,
        marks_initial=bool(initial) and bookmarks,
        bookmarks=bookmarks,
        timeout=_timeout(query),
    )


def read_version(query: Query) -> int | None:
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST):
        raise bad_request(f'resourceVersion: Invalid value: "{text[:100]}": must be a version that the server gave')
    return int(text)


def read_options(query: Query, what: str, *, user_agent: str = "", subresource: str = "") -> Options:
    """`what`: CreateOptions ...; who names no manager is known by the program's name."""
    causes = [*_dry_run_causes([query["dryRun"]] if "dryRun" in query else []), *_manager_causes(query)]
    validation = query.get("fieldValidation") or "Warn"
    if validation not in {"Ignore", "Warn", "Strict"}:
        causes.append(_unsupported("fieldValidation", validation, "Ignore", "Strict", "Warn"))
    if causes:
        raise invalid_options(what, causes)
    return Options(
        dry_run="dryRun" in query,
        manager=query.get("fieldManager") or user_agent.partition("/")[0].strip()[:_MANAGER_CHARS],
        force=flag(query, "force"),
        field_validation=validation,
        subresource=subresource,
    )


def read_deletion(query: Query, body: Any) -> Deletion:
    """The body, if there is one, is what counts."""
    given = _delete_options(body) if body is not None else _delete_query(query)
    policy, dry_run = given.get("propagationPolicy") or "", given.get("dryRun") or []
    causes = _dry_run_causes(dry_run)
    if policy not in {"", "Orphan", "Background", "Foreground"}:
        causes.append(_unsupported("propagationPolicy", str(policy), "Background", "Foreground", "Orphan"))
    if policy and given.get("orphanDependents") is not None:
        causes.append(invalid("propagationPolicy", str(policy), "may not be set together with orphanDependents"))
    if causes:
        raise invalid_options("DeleteOptions", causes)
    wanted = given.get("preconditions") or {}
    return Deletion(bool(dry_run), str(wanted.get("uid") or ""), str(wanted.get("resourceVersion") or ""))


def flag(query: Query, name: str) -> bool:
    """As Kubernetes reads them: being there is saying yes, unless it says no."""
    return name in query and query[name].lower() not in {"false", "0"}


def _check_match(query: Query, match: str, token: str) -> None:
    causes = []
    if match and not query.get("resourceVersion"):
        causes.append(_refused("resourceVersionMatch", "is forbidden unless resourceVersion is provided"))
    elif match not in {"", _EXACT, _NOT_OLDER}:
        causes.append(_unsupported("resourceVersionMatch", match, _EXACT, _NOT_OLDER))
    elif match and token:
        causes.append(_refused("resourceVersionMatch", "is forbidden when continue is provided"))
    elif match == _EXACT and query["resourceVersion"] == "0":
        causes.append(_refused("resourceVersionMatch", 'resourceVersionMatch "Exact" is forbidden for version 0'))
    if causes:
        raise invalid_options("ListOptions", causes)
    if token and query.get("resourceVersion", "0") not in {"", "0"}:
        raise bad_request("specifying resource version is not allowed when using continue")


def _selection(query: Query) -> Selection:
    try:
        return read_selection(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    except BadSelector as error:
        raise bad_request(str(error)) from None


def _timeout(query: Query) -> float | None:
    """None for no word of it, and for 0, which says as much."""
    return _number(query, "timeoutSeconds") or None


def _number(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_request(f'{name}: Invalid value: "{text[:100]}": must be a whole number')
    return min(int(text), 10**9)


def _delete_query(query: Query) -> dict[str, Any]:
    _number(query, "gracePeriodSeconds")
    given: dict[str, Any] = {"propagationPolicy": query.get("propagationPolicy")}
    if "dryRun" in query:
        given["dryRun"] = [query["dryRun"]]
    if "orphanDependents" in query:
        given["orphanDependents"] = flag(query, "orphanDependents")
    return given


def _delete_options(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request("the body must be DeleteOptions")
    types = {"dryRun": list, "preconditions": dict, "propagationPolicy": str, "gracePeriodSeconds": int}
    for name, type_ in types.items():
        if body.get(name) is not None and not isinstance(body[name], type_):
            raise bad_request(f"DeleteOptions cannot be handled: {name} is of the wrong type")
    return body


def _dry_run_causes(given: list[Any]) -> list[Cause]:
    return [_unsupported("dryRun", str(one), "All") for one in given if one != "All"]


def _manager_causes(query: Query) -> list[Cause]:
    manager = query.get("fieldManager", "")
    if len(manager) > _MANAGER_CHARS:
        return [Cause("FieldValueTooLong", f"Too long: may not be more than {_MANAGER_CHARS} bytes", "fieldManager")]
    return [] if manager.isprintable() else [invalid("fieldManager", ascii(manager), "must be printable")]


def _unsupported(name: str, value: str, *supported: str) -> Cause:
    told = ", ".join(f'"{one}"' for one in supported)
    return Cause("FieldValueNotSupported", f'Unsupported value: "{value[:100]}": supported values: {told}', name)


def _refused(name: str, why: str) -> Cause:
    return forbidden(name, why)
