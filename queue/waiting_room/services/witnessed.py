"""What the witnesses of a room have cosigned, and the end of the wait for them.

How many must have cosigned the closed list before the first person is called stands in the `plan`
record before joining begins, and so does what follows when they are away (docs/line-log.md,
"Witnesses"). Asking them is the business of services.asking_witnesses.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from waiting_room.enums import Act, RoomStatus
from waiting_room.models import AskedWitness, Cosignature, LogPage, Room
from waiting_room.reasons import witness_trouble
from waiting_room.services.rooms import record
from waiting_room.tlog.notes import Signature, parse_signature
from waiting_room.tlog.witnessing import Witness, parse_witnesses

log = logging.getLogger(__name__)

# How long a checkpoint that the quorum cosigned is preferred to a newer one that it did not.
PREFERRED_FOR = timedelta(seconds=60)
# How far back a checkpoint with enough cosignatures is looked for, in cosignatures.
LOOKED_AT = 64


def witnesses_of(room: Room) -> tuple[Witness, ...]:
    return parse_witnesses(room.witnesses)


def count_of_closed_list(room: Room) -> int:
    """How many witnesses have cosigned a log that holds the closed list."""
    found = room.cosignatures.filter(size__gte=room.closed_size or 0)
    return found.values("vkey").distinct().count()


def settle_witnesses(room: Room, now: datetime) -> bool:
    """End the wait if enough have cosigned or its time is over; the caller holds TICK."""
    until = room.witnesses_until
    if not room.awaits_witnesses or until is None or room.status == RoomStatus.CLOSED:
        return False
    found = _first_of_closed_list(room)
    is_enough = len(found) >= room.quorum
    if not is_enough and now < until:
        return False
    room.witnessed_at = now
    room.save(update_fields=["witnessed_at"])
    lines = "\n".join(f"{cosignature.size} {cosignature.line}" for cosignature in found)
    act = Act.WITNESSED if is_enough else Act.UNWITNESSED
    record(room, act, details={"cosignatures": lines}, at=now)
    if not is_enough:
        log.error(
            "room %s goes on without quorum: %s of %s witnesses cosigned its closed list in %s min",
            room.pk,
            len(found),
            room.quorum,
            room.witness_minutes,
        )
    return True


def _first_of_closed_list(room: Room) -> list[Cosignature]:
    """Of each witness the earliest cosignature on a log that holds the closed list."""
    found = room.cosignatures.filter(size__gte=room.closed_size or 0)
    return list(found.order_by("vkey", "size").distinct("vkey"))


def size_to_publish(room: Room, now: datetime) -> int:
    """How many pages the checkpoint has that everybody is shown.

    The newest that enough witnesses have cosigned (one, where the plan asks for none), as long as
    the pages after it have waited for less than a minute; else the log as it stands.
    """
    newest = room.pages.order_by("-number").values_list("number", flat=True).first() or 0
    if not room.witnesses:
        return newest
    sizes = room.cosignatures.order_by("-size").values_list("size", flat=True)[:LOOKED_AT]
    counts = Counter(sizes)
    enough = [size for size, count in counts.items() if count >= max(room.quorum, 1)]
    best = max(enough, default=0)
    if not best or best == newest:
        return newest
    waiting = LogPage.objects.get(room=room, number=best + 1)
    return best if now - waiting.at < PREFERRED_FOR else newest


def best_cosigned(room: Room, *, at_least: int) -> tuple[int, int] | None:
    """Signers and size of the newest log, from `at_least` pages on, that enough witnesses have
    cosigned; as long as there is none, of that which most have. None if nobody has."""
    signed = room.cosignatures.filter(size__gte=at_least).values("size")
    counted = signed.annotate(signers=Count("vkey")).values_list("signers", "size")
    enough = counted.filter(signers__gte=max(room.quorum, 1)).order_by("-size").first()
    return enough or counted.order_by("-signers", "-size").first()


def cosignatures_on(room: Room, size: int) -> list[Signature]:
    """The witnesses' signatures on the checkpoint of so many pages."""
    if not room.witnesses:
        return []
    lines = room.cosignatures.filter(size=size).order_by("vkey").values_list("line", flat=True)
    return [parse_signature(line) for line in lines]


@dataclass(frozen=True)
class Standing:
    """How a witness of a room stands, for people: its trouble in words, or nothing."""

    name: str
    size: int
    cosigned_at: datetime | None
    trouble: str


def how_witnesses_stand(room: Room) -> list[Standing]:
    """The witnesses of the room's plan, each with what it cosigned last."""
    recorded = {asked.vkey: asked for asked in room.asked_witnesses.all()}
    return [
        Standing(
            witness.name,
            asked.size if asked else 0,
            asked.cosigned_at if asked else None,
            witness_trouble(asked.trouble) if asked else "",
        )
        for witness in witnesses_of(room)
        for asked in [recorded.get(str(witness.verifier))]
    ]


def went_on_without(room: Room) -> bool:
    """Whether the line was opened without enough witnesses, as its log says."""
    return room.steps.filter(act=Act.UNWITNESSED).exists()


def health_line() -> str:
    """The witnesses that did not do their part in a room that is not over, for /readyz."""
    troubled = AskedWitness.objects.filter(room__board__final=False).exclude(trouble="")
    words = [
        f"{asked.room.cohort.code}: {asked.vkey.partition('+')[0]} {asked.trouble}"
        for asked in troubled.select_related("room__cohort").order_by("room", "vkey")[:10]
    ]
    without = Room.objects.filter(board__final=False, steps__act=Act.UNWITNESSED)
    words += [f"{room.cohort.code}: without quorum" for room in without.select_related("cohort")]
    return "; ".join(words) or "ok"
