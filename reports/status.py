"""What the status page says: lines, places left, what is disturbed, and since when.

A web process writes it as files every few seconds (StatusWriter); they are read without a thread,
without Django's handler and without Postgres (reports.status_files, decision 56).
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.models import SeatsLeft
from database.clock import known_now
from dataio.districts import REGIONS
from dataio.region_tiles import short_name
from reports.control_room import open_rooms
from reports.open_files import Publication, folder_of, only_writer
from reports.parts import OK, SILENT_GATEWAY
from standing.rules import public_state
from standing.states import State
from standing.texts import TABLE
from waiting_room.line_facts import facts_of_room
from waiting_room.models import Room
from waiting_room.now_document import scored, waiting_in
from waiting_room.reasons import wait_text
from web.language import other_languages

log = logging.getLogger(__name__)

FOLDER = "status"
FACTS = "status.json"
WRITE_SECONDS = 5.0
START_SECONDS = 0.1  # between two looks at the parts, before all were asked
# The page says that it is old when it was not written for so long.
OLD_SECONDS = 60

States = Mapping[str, str]


class LineStatus(TypedDict):
    """A line as everybody may see it; `state` is one of standing.states."""

    code: str
    name: dict[str, str]
    state: str
    message: dict[str, str]  # the operator's, in a pause
    waiting: int
    serving: int
    now: dict[str, Any]  # some fields of the room's now document


class Disturbed(TypedDict):
    what: str  # a key of DISTURBANCES
    since: str


class Facts(TypedDict):
    """Everything the page says, without its words: /status/status.json. Times are ISO 8601."""

    time: str
    disturbed: list[Disturbed]
    lines_at: str | None  # the database's time when it gave the lines
    lines: list[LineStatus]
    left_at: str | None
    left: dict[str, int]  # by region


@dataclass(frozen=True)
class Disturbance:
    """What may be out of order, in words for people; `holds` asks the states of reports.parts."""

    holds: Callable[[States], bool]
    title: Promise
    meaning: Promise
    advice: Promise


def _any_down(*parts: str) -> Callable[[States], bool]:
    return lambda states: any(states.get(part, OK) != OK for part in parts)


DISTURBANCES = {
    "portal": Disturbance(
        _any_down("database"),
        _("Pages cannot be opened just now"),
        _("Every place in a line and every finished booking is stored and stays as it is."),
        _("Leave your page open: it tries again by itself. You do not lose your turn."),
    ),
    "lines": Disturbance(
        _any_down("redis", "worker", "cron"),
        _("The lines stand still just now"),
        _("Nobody is called. People who were called before can enter and book."),
        _("There is nothing you need to do. Your place stays, and the line goes on by itself."),
    ),
    "messages": Disturbance(
        lambda states: SILENT_GATEWAY in states.get("messages", ""),
        _("Messages come late"),
        _("Text messages, calls or e-mails are held up, codes for signing in among them."),
        _("Look at “My place” instead of waiting for a message. Everything else works."),
    ),
}
_FROM_DOCUMENT = ("per_minute", "waits", "no_number", "score", "left", "booked")


def write_status(states: States) -> None:
    """Write the page in each language and its facts. Raises OSError."""
    folder = folder_of(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    facts = _facts(states, _read(folder / FACTS))
    with Publication(folder) as files:
        files.write(FACTS, json.dumps(facts, ensure_ascii=False).encode())
        for language in dict(settings.LANGUAGES):
            with translation.override(language):
                files.write(f"page-{language}.html", _page(facts, language).encode())
        files.publish(last=FACTS)


def is_due(folder: Path) -> bool:
    """Whether the page was not written lately."""
    written = _read(folder / FACTS)["time"]
    age = known_now() - _moment(written) if written else None
    return age is None or abs(age.total_seconds()) > WRITE_SECONDS


def _read(path: Path) -> Facts:
    """The facts as they were written last, by this process or another one."""
    before = Facts(time="", disturbed=[], lines_at=None, lines=[], left_at=None, left={})
    try:
        stored: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return before
    # Of a version of the program with other fields, what both know.
    return Facts(**{**before, **{name: stored.get(name, before[name]) for name in before}})  # type: ignore[literal-required, typeddict-item]


def _facts(states: States, before: Facts) -> Facts:
    """The facts of now; what the database can't say stays as it was before, with its time."""
    now = known_now()
    facts = Facts(**{**before, "time": _stamp(now)})
    if states.get("database") == OK:
        try:
            facts = _facts_of_database(facts)
        except DatabaseProblem:
            states = {**states, "database": "unreachable"}
    since = {entry["what"]: entry["since"] for entry in before["disturbed"]}
    facts["disturbed"] = [
        Disturbed(what=what, since=since.get(what, _stamp(now))) for what in disturbed_by(states)
    ]
    return facts


def disturbed_by(states: States) -> list[str]:
    """What people notice of the states of reports.parts; keys of DISTURBANCES."""
    return [what for what, disturbance in DISTURBANCES.items() if disturbance.holds(states)]


def _facts_of_database(facts: Facts) -> Facts:
    facts = Facts(**{**facts, "lines": [_line(room, room.now) for room in open_rooms()]})
    facts["lines_at"] = facts["time"]
    # Summed by a job, as a sum over all open slots is too much for every few seconds.
    row = SeatsLeft.objects.values_list("at", "by_region").first()
    if row:
        facts["left_at"] = _stamp(row[0])
        facts["left"] = {region: sum(row[1].get(region, {}).values()) for region in REGIONS}
    return facts


def _line(room: Room, now: datetime) -> LineStatus:
    cohort, document = room.cohort, room.board.document
    state = public_state(facts_of_room(room, now, ticked_at=room.line.ticked_at), now)
    is_paused = state == State.PAUSED
    return LineStatus(
        code=cohort.code,
        name={"ko": cohort.name_ko, "en": cohort.name_en},
        state=state.value,
        message={
            "ko": room.pause_message_ko if is_paused else "",
            "en": room.pause_message_en if is_paused else "",
        },
        waiting=waiting_in(room),
        serving=room.line.serving,
        now={name: document.get(name) for name in _FROM_DOCUMENT},
    )


def _page(facts: Facts, language: str) -> str:
    lines_at, left_at = facts["lines_at"], facts["left_at"]
    context = {
        "others": other_languages(language),
        "page_in": "status_in",
        "at": _moment(facts["time"]),
        "old_seconds": OLD_SECONDS,
        "disturbed": [
            {"texts": DISTURBANCES[entry["what"]], "since": _moment(entry["since"])}
            for entry in facts["disturbed"]
            if entry["what"] in DISTURBANCES
        ],
        "lines": [_card(line, language) for line in facts["lines"]],
        "lines_at": lines_at and _moment(lines_at),
        # Older than the page itself: the database did not answer.
        "lines_are_old": lines_at != facts["time"],
        "regions": [(short_name(region), left) for region, left in facts["left"].items()],
        "left_at": left_at and _moment(left_at),
    }
    return render_to_string("reports/status.html", context)


def _card(line: LineStatus, language: str) -> dict[str, Any]:
    state = State(line["state"])
    # Names are the authority's, who writes in two languages.
    written = "ko" if language == "ko" else "en"
    moves = state not in (State.NOT_YET, State.CLOSED)
    wait = wait_text({**line["now"], "no_number": "stalled"}, None)
    if state != State.STILL:
        wait = wait_text(line["now"], line["waiting"], own=False)
    return {
        "code": line["code"],
        "name": line["name"][written],
        "texts": TABLE[state],
        "message": line["message"][written],
        "moves": moves,
        "waiting": line["waiting"],
        "serving": line["serving"],
        "wait": wait,
        "now": line["now"],
        "score": scored(line["now"]),
    }


def _stamp(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat(timespec="seconds")


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


class StatusWriter:
    """Writes the page every WRITE_SECONDS, in one process of a host at a time.

    A thread of the web server and no job: jobs need Redis, cron and a worker, and the page has to
    say when one of these is missing.
    """

    def __init__(self, states: Callable[[], States | None]) -> None:
        self._states = states

    def start(self) -> None:
        """Start the thread; call it after the fork, which no thread survives."""
        threading.Thread(target=self._run, daemon=True, name="status").start()

    def _run(self) -> None:
        while True:
            try:
                # Held as long as the process lives: then another one goes on.
                with only_writer(folder_of(FOLDER)) as is_alone:
                    while is_alone:
                        self._write()
                        self._rest()
            except Exception as error:
                # As on a full disk; the page tells by its time that nothing is written.
                log.warning("the status page was not written: %s", type(error).__name__)
            time.sleep(WRITE_SECONDS)

    def _rest(self) -> None:
        """Wait until the page is due, or until something goes wrong or is mended."""
        before = self._disturbed()
        for _second in range(int(WRITE_SECONDS)):
            time.sleep(1)
            if self._disturbed() != before:
                return

    def _disturbed(self) -> list[str]:
        return disturbed_by(self._known_states())

    def _known_states(self) -> States:
        """Waits at the start, until each part was asked once: the first page must not be late."""
        while (states := self._states()) is None:
            time.sleep(START_SECONDS)
        return states

    def _write(self) -> None:
        try:
            write_status(self._known_states())
        finally:
            close_old_connections()  # as Django does at the end of a request
