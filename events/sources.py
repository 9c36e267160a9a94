"""Where events come from: each app registers a source in its AppConfig.ready().

A source reads what its app has recorded anyway, by SQL over its own tables; what is recorded in
no other table is a row of events.models.RecordedEvent. So the line costs the people's path no
statement, and `events.services.story_of` reads all sources in one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from events.kinds import KINDS, Event, Kind


def _as_read(events: list[Event]) -> list[Event]:
    return events


@dataclass(frozen=True)
class Source:
    """The events of one app.

    `sql` selects the columns (at, kind, reservation_id, actor, parameters) of one person,
    `%(person)s`, of the types timestamptz, text, bigint, text and jsonb; "" for an app that only
    records events. A percent sign in it is doubled. `complete` gets the source's events, the
    oldest first, and returns the final ones, where SQL can't derive them (a place in a draw).
    """

    name: str
    kinds: Sequence[Kind]
    sql: str = ""
    complete: Callable[[list[Event]], list[Event]] = _as_read


# By name, in the order of registration.
SOURCES: dict[str, Source] = {}


def register(source: Source) -> None:
    """Add a source, or replace the one of its name; a kind belongs to one source."""
    for kind in source.kinds:
        if kind.code in KINDS and kind.code not in _codes(SOURCES.get(source.name)):
            raise ValueError(f"{source.name}: the kind of event {kind.code} is another app's.")
    for code in _codes(SOURCES.get(source.name)):
        KINDS.pop(code, None)
    SOURCES[source.name] = source
    KINDS.update({kind.code: kind for kind in source.kinds})


def _codes(source: Source | None) -> list[str]:
    return [kind.code for kind in source.kinds] if source else []
