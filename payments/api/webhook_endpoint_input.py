"""Validates by hand what clients send about their webhook endpoints: each refusal names its field."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from payments import events, ids
from payments.api import paging
from payments.api.problems import FieldError, Problem, invalid
from payments.api.strict_json import Number
from payments.free_text import UnprintableError, one_line

LONGEST_URL: Final = 500
LONGEST_DESCRIPTION: Final = 100
DEFAULT_OVERLAP_HOURS: Final = 24
MAX_OVERLAP_HOURS: Final = 168
MAX_EVENTS: Final = 100
# No event is older; what is far older could not be reckoned with.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

_FIELDS: Final = frozenset({"url", "types", "description"})


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What a client says about an endpoint to be made. types: all where empty."""

    url: str
    types: list[str]
    description: str


class Again(NamedTuple):
    """Which events are to be delivered once more: `event_ids`, or else those since a moment."""

    event_ids: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    only_failed: bool = False


def refused(errors: list[FieldError]) -> Problem:
    """Return the 400 for fields that cannot be accepted: about an endpoint, where charges are out of place."""
    return replace(invalid(errors), detail="Nothing was changed. Correct the fields named in errors and send it again.")


def new_endpoint(body: Any) -> NewEndpoint:
    """Return the endpoint that `body` describes; raise Problem 400 naming each bad field."""
    errors: list[FieldError] = []
    given = _object(body, _FIELDS, errors)
    url = _url(given.get("url"), errors)
    types = _types(given["types"], errors) if "types" in given else []
    description = _description(given["description"], errors) if "description" in given else ""
    if errors:
        raise refused(errors)
    return NewEndpoint(url, types, description)


def changes(body: Any) -> dict[str, Any]:
    """Return the changes that `body` asks for, by `url`, `types`, `description` and `enabled`; raise Problem 400."""
    errors: list[FieldError] = []
    given = _object(body, _FIELDS | {"enabled"}, errors)
    checks = {"url": _url, "types": _types, "description": _description, "enabled": _flag_enabled}
    found = {name: check(given[name], errors) for name, check in checks.items() if name in given}
    if not found and not errors:
        errors.append(FieldError("", f"names nothing to change. Send any of: {', '.join(checks)}."))
    if errors:
        raise refused(errors)
    return found


def overlap(body: Any) -> timedelta:
    """Return for how long the old secret goes on signing; raise Problem 400. No body at all means 24 hours."""
    errors: list[FieldError] = []
    given = _object(body, frozenset({"overlapHours"}), errors).get("overlapHours", Number(DEFAULT_OVERLAP_HOURS))
    is_number = isinstance(given, Number) and given.isascii() and given.isdigit() and len(given) <= 3
    if not is_number or int(given) > MAX_OVERLAP_HOURS:
        errors.append(FieldError("overlapHours", f"must be a whole number from 0 to {MAX_OVERLAP_HOURS}."))
    if errors:
        raise refused(errors)
    return timedelta(hours=int(given))


def again(body: Any) -> Again:
    """Return what is to be delivered once more; raise Problem 400 naming each bad field."""
    errors: list[FieldError] = []
    given = _object(body, frozenset({"eventIDs", "since", "until", "onlyFailed"}), errors)
    if ("eventIDs" in given) == ("since" in given):
        errors.append(FieldError("", "must have either eventIDs or since."))
    if "eventIDs" in given:
        errors.extend(FieldError(name, "belongs to since.") for name in ("until", "onlyFailed") if name in given)
    found = Again(
        event_ids=_event_ids(given["eventIDs"], errors) if "eventIDs" in given else None,
        since=_time(given, "since", errors),
        until=_time(given, "until", errors),
        only_failed=_flag(given.get("onlyFailed", False), "onlyFailed", errors),
    )
    if found.since and found.since < EARLIEST:
        errors.append(FieldError("since", "must be in the year 2000 or later."))
    if found.since and found.until and found.until <= found.since:
        errors.append(FieldError("until", "must be later than since."))
    if errors:
        raise refused(errors)
    return found


def nothing(body: Any) -> None:
    """Raise Problem 400 where a call that takes no fields is sent some."""
    errors: list[FieldError] = []
    _object(body, frozenset(), errors)
    if errors:
        raise refused(errors)


def _object(body: Any, known: frozenset[str], errors: list[FieldError]) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise refused([FieldError("", "must be a JSON object.")])
    errors.extend(FieldError(str(name)[:64], "is not a known field.") for name in body.keys() - known)
    return body


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) and not isinstance(given, Number) else None


def _url(given: Any, errors: list[FieldError]) -> str:
    """Check the form alone: where the address leads is the service's to see, which looks its host up."""
    text = _text(given)
    if text is None or len(text) > LONGEST_URL:
        errors.append(FieldError("url", f"must be an address of at most {LONGEST_URL} characters."))
    return text or ""


def _types(given: Any, errors: list[FieldError]) -> list[str]:
    if not isinstance(given, list) or not all(_text(name) is not None for name in given):
        errors.append(FieldError("types", "must be a list of event types; an empty one means all."))
        return []
    unknown = [name for name in given if name not in events.TYPES]
    if unknown or len(set(given)) != len(given):
        what = f"names what is no event type: {unknown[0][:64]}." if unknown else "names a type twice."
        errors.append(FieldError("types", f"{what} GET /api/event-types lists them."))
    return given


def _description(given: Any, errors: list[FieldError]) -> str:
    text = _text(given)
    if text is None or len(text) > LONGEST_DESCRIPTION:
        errors.append(FieldError("description", f"must be a text of at most {LONGEST_DESCRIPTION} characters."))
        return ""
    try:
        return one_line(text)
    except UnprintableError as error:
        errors.append(FieldError("description", str(error)))
        return ""


def _flag_enabled(given: Any, errors: list[FieldError]) -> bool:
    return _flag(given, "enabled", errors)


def _flag(given: Any, name: str, errors: list[FieldError]) -> bool:
    if not isinstance(given, bool):
        errors.append(FieldError(name, "must be true or false."))
    return given is True


def _event_ids(given: Any, errors: list[FieldError]) -> list[str]:
    is_list = isinstance(given, list) and 1 <= len(given) <= MAX_EVENTS
    if not is_list or not all(_text(name) is not None and ids.is_id(name, "evt") for name in given):
        errors.append(FieldError("eventIDs", f"must be a list of 1 to {MAX_EVENTS} ids of events."))
        return []
    return list(dict.fromkeys(given))


def _time(given: Mapping[str, Any], name: str, errors: list[FieldError]) -> datetime | None:
    if name not in given:
        return None
    return paging.time(_text(given[name]) or "", name, errors)
