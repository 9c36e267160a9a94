"""Insiders who want to choose the order of a line: what each does to a room, by a changed portal,
by manage.py or in the database itself.

The doors open so that the plan leads to round 1000 of quicknet, whose signature is public.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connection

from eligibility.enums import Order
from eligibility.models import Cohort
from tests.clock import clock
from tests.roles import past_triggers
from tests.waiting_room.scene import join, make_eligible, make_room, tick
from waiting_room import beacon, draw
from waiting_room.enums import Act, DrawSource
from waiting_room.models import DrawOfficer, Room, Step, Ticket
from waiting_room.offline import verify_line
from waiting_room.services import drawing, rooms, ticking
from waiting_room.services.publishing import log_lines

ROUND = 1000
SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
NUMBER = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
AFTER = 6
# A second of leeway: a list that is closed until then is mixed by the same round.
OPENS = beacon.time_of(ROUND) - timedelta(seconds=AFTER + 1)
GATHERS = OPENS - timedelta(hours=1)
SECRETS = {"Health office": "00" * 32, "Newspaper": "01" * 32}
STATEMENT = "Lotto 1234, ascending"


def gathered(source: str = DrawSource.DRAND, *, statement: str = "", people: int = 5) -> Room:
    """A room whose plan stands and in which people gather; a failed join took number 3."""
    clock.move_to(OPENS - timedelta(hours=2))
    room = make_room(
        order=Order.DRAW, opens_at=OPENS, joins_from=GATHERS, closes_at=OPENS + timedelta(hours=5)
    )
    rooms.set_draw_plan(room=room, source=source, statement=statement, after=AFTER, by="staff:1")
    if source == DrawSource.OFFICERS:
        for name, secret in SECRETS.items():
            hidden = draw.commitment(bytes.fromhex(secret))
            rooms.add_officer(room=room, name=name, commitment=hidden, by="staff:1")
    tick(room)
    clock.move_to(GATHERS + timedelta(minutes=1))
    for _ in range(people):
        ticket = join(room)
        if ticket.entry == 2:
            with connection.cursor() as cursor:
                cursor.execute("SELECT nextval(%s)", [room.entry_sequence])
    return tick(room)


def with_joining_from(room: Room, moment: datetime) -> Room:
    """As the administrator of the database sets it, past the services."""
    Room.objects.filter(pk=room.pk).update(joins_from=moment)
    return room


def closed(room: Room) -> Room:
    clock.move_to(OPENS + timedelta(milliseconds=500))
    return tick(room)


def drawn(room: Room) -> Room:
    """As the portal does it: the beacon is fetched when it is due, and the next tick draws."""
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=1))
    Room.objects.filter(pk=room.pk).update(beacon_signature=SIGNATURE)
    return tick(tick(room))


def forge_reveal(room: Room, inputs: Mapping[str, str], **details: Any) -> Room:
    """A draw of the insider's own, written into the tables; the portal's tick then logs it."""
    room.refresh_from_db()
    text = draw.inputs_of({"portal": room.draw_secret, **inputs})
    seed = draw.seed_from(bytes.fromhex(room.list_digest), text).hex()
    now = clock.now()
    Room.objects.filter(pk=room.pk).update(seed=seed, draw_inputs=text, drawn_at=now)
    proof = {"source": DrawSource.DRAND.value, "round": ROUND, "signature": SIGNATURE} | details
    details = {"inputs": text, "seed": seed, **proof}
    rooms.record(room, Act.REVEAL, details=details, at=now)
    return tick(room)


def report_of(room: Room) -> verify_line.Report:
    text = "".join(log_lines(room)).splitlines(keepends=True)
    return verify_line.check(verify_line.rows_of(text))


# The tricks; each ends with a room whose draw was held.


def take_an_early_round() -> Room:
    room = closed(gathered())
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=1))
    return forge_reveal(room, {"beacon": NUMBER}, round=ROUND - 1)


def take_a_later_round() -> Room:
    room = closed(gathered())
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=9))
    return forge_reveal(room, {"beacon": NUMBER}, round=ROUND + 1)


def take_another_chain() -> Room:
    with patch.object(beacon, "QUICKNET", "ab" * 32):
        return drawn(closed(gathered()))


def choose_the_number() -> Room:
    room = closed(gathered())
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=1))
    return forge_reveal(room, {"beacon": "ab" * 32})


def choose_the_signature() -> Room:
    """The number follows from it, but no round of the beacon was signed so."""
    room = closed(gathered())
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=1))
    forged = SIGNATURE[:-2] + "38"
    number = sha256(bytes.fromhex(forged)).hexdigest()
    return forge_reveal(room, {"beacon": number}, signature=forged)


def draw_before_the_time() -> Room:
    room = closed(gathered())
    clock.forward(seconds=2)
    return forge_reveal(room, {"beacon": NUMBER})


def draw_while_closing() -> Room:
    """The number is there before the list is closed, and goes into the same page as the closing."""
    room = gathered()
    close = ticking._freeze

    def close_and_draw(room: Room, settled: int, room_log: Any, now: Any) -> None:
        close(room, settled, room_log, now)
        text = draw.inputs_of({"portal": room.draw_secret, "beacon": NUMBER})
        seed = draw.seed_from(bytes.fromhex(room.list_digest), text).hex()
        Room.objects.filter(pk=room.pk).update(seed=seed, draw_inputs=text, drawn_at=now)
        proof = {"source": "drand", "round": ROUND, "signature": SIGNATURE}
        details = {"inputs": text, "seed": seed, **proof}
        rooms.record(room, Act.REVEAL, details=details, at=now)

    with patch.object(ticking, "_freeze", close_and_draw):
        return closed(room)


def change_the_plan_in_the_table() -> Room:
    room = gathered()
    Room.objects.filter(pk=room.pk).update(draw_source="stated", draw_statement=STATEMENT)
    clock.forward(minutes=1)
    room = closed(tick(room))
    drawing.state_value(room=room, value="4 8 15", by="staff:1")
    clock.forward(seconds=AFTER)
    return tick(tick(room))


def change_the_plan_and_date_it_back() -> Room:
    """As above, with a time from before anybody joined; only the page gives it away."""
    room = gathered()
    Room.objects.filter(pk=room.pk).update(draw_source="stated", draw_statement=STATEMENT)
    clock.move_to(OPENS - timedelta(hours=2))
    room = closed(tick(room))
    drawing.state_value(room=room, value="4 8 15", by="staff:1")
    clock.forward(seconds=AFTER)
    return tick(tick(room))


def log_another_plan_afterwards() -> Room:
    room = drawn(closed(gathered()))
    plan = Step.objects.filter(room=room, act=Act.PLAN).latest("pk").details
    rooms.record(room, Act.PLAN, details={**plan, "after": 60})
    return tick(room)


def close_the_list_twice() -> Room:
    """The list is opened again for a friend, and closed a second time."""
    room = closed(gathered())
    with past_triggers() as cursor:
        cursor.execute(
            "UPDATE waiting_room_room SET frozen_at = NULL, frozen_count = NULL, list_digest = ''"
            " WHERE id = %s",
            [room.pk],
        )
    join(room)
    return drawn(tick(tick(room)))


def exchange_the_portals_secret() -> Room:
    room = closed(gathered())
    Room.objects.filter(pk=room.pk).update(draw_secret="ff" * 32)
    return drawn(room)


def withhold_a_secret() -> Room:
    room = closed(gathered(DrawSource.OFFICERS))
    clock.forward(seconds=AFTER)
    only = {"officer Newspaper": SECRETS["Newspaper"]}
    return forge_reveal(room, only, source="officers", round=None, signature=None)


def withhold_a_commitment() -> Room:
    """The officer whose secret does not suit is made never to have been."""
    room = closed(gathered(DrawSource.OFFICERS))
    with past_triggers() as cursor:
        cursor.execute(
            "DELETE FROM waiting_room_step WHERE room_id = %s AND details->>'by' = 'Newspaper'",
            [room.pk],
        )
        cursor.execute("DELETE FROM waiting_room_drawofficer WHERE name = 'Newspaper'")
    assert DrawOfficer.objects.filter(room=room).count() == 1
    drawing.open_secret(
        room=room, name="Health office", secret=SECRETS["Health office"], by="staff:1"
    )
    clock.forward(seconds=AFTER)
    return tick(tick(room))


def state_a_value_that_no_plan_names() -> Room:
    room = closed(gathered())
    clock.move_to(OPENS + timedelta(minutes=12))
    return forge_reveal(room, {"stated": "4 8 15"})


def state_a_value_too_early() -> Room:
    room = closed(gathered(statement=STATEMENT))
    clock.move_to(OPENS + timedelta(minutes=9))
    return forge_reveal(room, {"stated": "4 8 15"}, round=None, signature=None)


def add_an_input() -> Room:
    room = closed(gathered())
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=1))
    return forge_reveal(room, {"beacon": NUMBER, "luck": "7"})


@dataclass(frozen=True)
class Trick:
    """A trick, what the program says of its log, and what the page of the draw says."""

    play: Callable[[], Room]
    found: str
    on_page: str


TRICKS = {
    trick.play.__name__: trick
    for trick in [
        Trick(take_an_early_round, "by the plan it is round 1000", "Another round of the beacon"),
        Trick(take_a_later_round, "by the plan it is round 1000", "Another round of the beacon"),
        Trick(take_another_chain, "another chain than drand's quicknet", "names another chain"),
        Trick(
            choose_the_number,
            "The number of the beacon does not follow from its signature",
            "does not follow from the signature of the beacon",
        ),
        # BLS is not checked in the browser, and the page says so.
        Trick(choose_the_signature, "The signature of the beacon is wrong", "Not checked here"),
        Trick(draw_before_the_time, "did not exist yet when the draw was held", "could be known"),
        Trick(draw_while_closing, "known before the closed list was published", "could be known"),
        Trick(
            change_the_plan_in_the_table,
            "The rule of the draw was set or changed after people had joined",
            "The rule of the draw was changed after people had joined",
        ),
        Trick(
            change_the_plan_and_date_it_back,
            "The rule of the draw was set or changed after people had joined",
            "The rule of the draw was changed after people had joined",
        ),
        Trick(
            log_another_plan_afterwards,
            "changed after the line had begun to move",
            "The rule of the draw was changed",
        ),
        Trick(close_the_list_twice, "The list was closed a second time", "more than once"),
        Trick(
            exchange_the_portals_secret,
            "The secret is not the one that was committed to before",
            "A secret is not the one",
        ),
        Trick(withhold_a_secret, "Of the planned source, officers, nothing", "from the source"),
        Trick(withhold_a_commitment, "taken out since", "from the source that the plan names"),
        Trick(state_a_value_that_no_plan_names, "which the plan does not allow", "from the source"),
        Trick(
            state_a_value_too_early,
            "before the planned source had its ten minutes",
            "from the source that the plan names",
        ),
        Trick(add_an_input, "“luck” went into the seed, but not by the plan", "from the source"),
    ]
}


# Tricks on the list itself, which leave the draw as it should be


def put_in_a_late_ticket(room: Room) -> Ticket:
    """Into the gap that a failed join left, with a time from before the closing."""
    friend = make_eligible(room)
    with past_triggers() as cursor:
        cursor.execute(
            "INSERT INTO waiting_room_ticket"
            " (id, room_id, person_id, entry, joined_at, resume_index, provisional)"
            " VALUES (%s, %s, %s, 3, %s, 1, false)",
            [UUID(int=3), room.pk, friend.pk, GATHERS + timedelta(seconds=30)],
        )
    return Ticket.objects.select_related("room__cohort", "person").get(pk=UUID(int=3))


def rewrite_until_first(room: Room, entry: int) -> Room:
    """Write the log anew with the last page's time a microsecond on, until `entry` is first.

    Round and list stay what they were: the insider knows all that goes into the seed.
    """
    for microseconds in range(1, 400):
        with past_triggers() as cursor:
            for statement in (
                "DELETE FROM waiting_room_logpage WHERE room_id = %s AND upto > 0",
                "DELETE FROM waiting_room_step WHERE room_id = %s AND act IN"
                " ('freeze', 'reveal', 'call')",
                "UPDATE waiting_room_line SET serving = 0, credit = 0, ticked_at = NULL"
                " WHERE room_id = %s",
                "UPDATE waiting_room_room SET frozen_at = NULL, frozen_count = NULL, seed = '',"
                " list_digest = '', drawn_at = NULL, draw_inputs = '', closed_size = NULL"
                " WHERE id = %s",
            ):
                cursor.execute(statement, [room.pk])
        clock.move_to(GATHERS + timedelta(minutes=1, microseconds=microseconds))
        tick(room)
        again = drawn(closed(room))
        if again.place_of(entry) == 1:
            return again
    raise AssertionError("nothing helped")


def move_the_opening(room: Room) -> None:
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=OPENS + timedelta(hours=1))
