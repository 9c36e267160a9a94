"""The public log as a file, and the proof that a ticket stands in it."""

import fcntl
import json
import os
import shutil
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from eligibility.enums import Order
from waiting_room import draw, merkle, public_log
from waiting_room.enums import Act
from waiting_room.models import LogPage, Room, Ticket
from waiting_room.services.log_pages import act_leaf, act_leaves, as_page, read_nodes, ticket_leaves

PAGES_AT_ONCE = 200
# The file is brought up to date when it is asked for and older than this.
FILE_SECONDS = 5


def log_lines(room: Room) -> Iterator[str]:
    """The log's CSV (docs/line-log.md), from the tables as they are now.

    Pages are added while the generator runs; it ends with the last page of its start.
    """
    last = _last_page(room)
    head = _head(room, last.last_step)
    yield public_log.csv_head(room=room.cohort.code, **head)
    yield from _page_lines(room, _places(head), _EMPTY_PAGE, last)
    yield _root_line(last)


# Stands before the first page of every log.
_EMPTY_PAGE = LogPage(number=0, last_step=0, log_root=merkle.EMPTY_ROOT.hex())


def _last_page(room: Room) -> LogPage:
    last = room.pages.order_by("-number").first()
    empty = merkle.EMPTY_ROOT.hex()
    return last or LogPage(number=0, last_step=0, at=room.joins_from, log_root=empty)


def _root_line(last: LogPage) -> str:
    return public_log.csv_root(last.number, last.at, last.log_root)


def _page_lines(
    room: Room, places: Callable[[int], int | None], previous: LogPage, last: LogPage
) -> Iterator[str]:
    """The pages after `previous` up to `last`, with their tickets and acts."""
    code = room.cohort.code
    for start in range(previous.number, last.number, PAGES_AT_ONCE):
        span = (start + 1, min(start + PAGES_AT_ONCE, last.number))
        pages = list(room.pages.filter(number__range=span).order_by("number"))
        steps = list(
            room.steps.filter(pk__gt=previous.last_step, pk__lte=pages[-1].last_step).order_by("pk")
        )
        for page in pages:
            yield public_log.csv_page(as_page(code, page, previous.log_root))
            yield from _ticket_lines(room, page, places)
            count = bisect_right(steps, page.last_step, key=lambda step: step.pk)
            for number, step in enumerate(steps[:count], start=page.acts_before + 1):
                yield public_log.csv_act(act_leaf(code, step, number))
            del steps[:count]
            previous = page


def _head(room: Room, last_step: int) -> dict[str, Any]:
    """The head of the CSV: opening and draw, from acts that are in the log, not from the room."""
    acts = [Act.COMMIT, Act.PLAN, Act.FREEZE, Act.REVEAL]
    steps = room.steps.filter(act__in=acts, pk__lte=last_step).order_by("pk")
    details = {
        step.act: step.details
        for step in steps
        if step.act != Act.COMMIT or step.details.get("by", "portal") == "portal"
    }
    cohort = room.cohort
    planned = {"opens_at": public_log.microseconds(cohort.opens_at), "order": cohort.order}
    plan = details.get(Act.PLAN, planned)
    head: dict[str, Any] = {name: plan[name] for name in planned}
    head["log_format"] = room.log_format
    if Act.COMMIT in details:
        head["commitment"] = details[Act.COMMIT]["commitment"]
    if Act.FREEZE in details:
        head["frozen"] = details[Act.FREEZE]["count"]
        head["list_digest"] = details[Act.FREEZE]["digest"]
    if Act.REVEAL in details:
        head |= {name: details[Act.REVEAL][name] for name in ("inputs", "seed")}
    return head


def draw_acts(room: Room) -> list[dict[str, Any]]:
    """The logged acts that decide the draw, for the page of the draw to check in the browser: each
    with its page from the freeze on, and whether it is in a later page than the first tickets."""
    acts = [Act.COMMIT, Act.PLAN, Act.FREEZE, Act.REVEAL]
    steps = room.steps.filter(act__in=acts, pk__lte=_last_page(room).last_step).order_by("pk")
    # Pages before the closed list are many.
    pages = room.pages.filter(number__gte=room.closed_size or 1).order_by("number")
    first = room.pages.filter(upto__gt=0).order_by("number").first()
    found = []
    for step in steps:
        act = json.loads(act_leaf(room.cohort.code, step, number=0))
        act["late"] = first is not None and step.pk > first.last_step
        if step.act in (Act.FREEZE, Act.REVEAL):
            page = pages.filter(last_step__gte=step.pk).first()
            act["page"] = page.number if page else 0
        found.append(act)
    return found


def _places(head: dict[str, Any]) -> Callable[[int], int | None]:
    """The place of an entry number, from 1; nothing while the draw is to come."""
    if head["order"] == Order.FIFO:
        return lambda entry: entry
    if not head.get("seed"):
        return lambda entry: None
    count, seed = head["frozen"], bytes.fromhex(head["seed"])

    @cache
    def drawn() -> Sequence[int]:
        # Seconds for a million: not before a drawn entry is asked for.
        return draw.places(count, seed)

    return lambda entry: drawn()[entry - 1] + 1 if entry <= count else entry


def _ticket_lines(room: Room, page: LogPage, places: Callable[[int], int | None]) -> Iterator[str]:
    if page.upto == page.after:
        return
    rows = (
        Ticket.objects.filter(room=room, entry__gt=page.after, entry__lte=page.upto)
        .order_by("entry")
        .values_list("entry", "joined_at", "id")
    )
    yield "".join(
        public_log.csv_ticket(entry, joined_at, public_log.ticket_hash(ticket_id), places(entry))
        for entry, joined_at, ticket_id in rows
    )


def log_file(room: Room) -> Path:
    """The log as a file, at most FILE_SECONDS old; one process writes it, the others wait."""
    folder = Path(settings.HOME) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"line-{room.cohort.code}.csv"
    if _is_fresh(path):
        return path
    with (folder / f".{room.cohort.code}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_fresh(path):
            _bring_up_to_date(room, path)
    return path


def _bring_up_to_date(room: Room, path: Path) -> None:
    """Add what is new to the file, or write it anew where its head has changed.

    Pages never change, so a copy of the file up to its last line is what the new one begins with.
    """
    last = _last_page(room)
    head = _head(room, last.last_step)
    first_lines = public_log.csv_head(room=room.cohort.code, **head).encode()
    aside = path.with_suffix(".part")
    previous = _pages_in(path, first_lines, room)
    with aside.open("wb") as file:
        if previous is None:
            file.write(first_lines)
        else:
            with path.open("rb") as old:
                shutil.copyfileobj(old, file, 1 << 20)
            file.seek(-len(_root_line(previous).encode()), os.SEEK_END)
            file.truncate()
        for lines in _page_lines(room, _places(head), previous or _EMPTY_PAGE, last):
            file.write(lines.encode())
        file.write(_root_line(last).encode())
    os.replace(aside, path)


def _pages_in(path: Path, first_lines: bytes, room: Room) -> LogPage | None:
    """The last page that the file holds; None if the file can't be continued."""
    try:
        with path.open("rb") as file:
            if file.read(len(first_lines)) != first_lines:
                return None
            file.seek(-min(path.stat().st_size, 200), os.SEEK_END)
            end = file.read().rpartition(b"\nroot,")[2].decode()
        previous = room.pages.filter(number=int(end.split(",")[0])).first()
    except (OSError, ValueError, UnicodeDecodeError):
        return None
    ends_with = previous is not None and _root_line(previous) == f"root,{end}"
    return previous if ends_with else None


def _is_fresh(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < FILE_SECONDS
    except FileNotFoundError:
        return False


def prove(ticket: Ticket, size: int | None = None) -> dict[str, Any] | None:
    """The proof that a ticket is in its room's log, as it stands or when it had `size` pages.

    None until the tick has taken the ticket in, and for a size that the log did not have then.
    """
    room = ticket.room
    newest = room.pages.order_by("-number").values_list("number", flat=True).first() or 0
    size = newest if size is None else size
    page = room.pages.filter(after__lt=ticket.entry, upto__gte=ticket.entry).first()
    if page is None or not page.number <= size <= newest:
        return None
    before = room.pages.filter(number=page.number - 1).first() or _EMPTY_PAGE
    leaf = public_log.leaf_for_ticket(
        room.cohort.code, ticket.entry, ticket.joined_at, public_log.ticket_hash(ticket.pk)
    )
    leaves = _leaves_of(room.pk, page.number, page.root)
    return public_log.prove(
        page=as_page(room.cohort.code, page, before.log_root),
        leaves=leaves,
        index=leaves.index(leaf),
        size=size,
        read=read_nodes(room.pk),
    )


# Pages never change, and people who came together stand on the same one.
@lru_cache(maxsize=16)
def _leaves_of(room_id: int, number: int, root: str) -> list[bytes]:
    """All that a page holds, in order: up to 4,096 tickets, then the acts."""
    room = Room.objects.select_related("cohort").get(pk=room_id)
    page = room.pages.get(number=number, root=root)
    before = room.pages.filter(number=number - 1).first() or _EMPTY_PAGE
    steps = room.steps.filter(pk__gt=before.last_step, pk__lte=page.last_step).order_by("pk")
    acts = act_leaves(room, list(steps), page.acts_before)
    return [*ticket_leaves(room, page.after, page.upto), *acts]
