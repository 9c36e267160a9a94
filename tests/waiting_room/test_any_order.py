"""Everything that can happen to a line, in any order, from several connections.

People join, leave, are told, enter, go out, come back; workers tick, freeze, draw, call, die; the
beacon and a witness are away and come; the operator pauses, resumes, sets pace and times, closes.
After each step nobody has lost a place, moved back, or entered past the cap or past somebody at
the door. After each run the whole log is in order by the verifier that shares no code with the
portal, and every root that was ever published stands in it. `EXAMPLES=200` looks longer, and also
for the shortest way to what it finds.
"""

import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from eligibility.enums import Order
from eligibility.models import Cohort
from eligibility.services.changes import apply_due_changes, plan_change
from messaging.enums import Channel
from tests.clock import clock
from tests.waiting_room import witnesses as scene
from tests.waiting_room.evenings import totals_of_the_tables
from tests.waiting_room.scene import make_eligible, make_room
from waiting_room import beacon, draw, public_log
from waiting_room.enums import DrawSource, Ending, RoomStatus
from waiting_room.exceptions import LineRefusal
from waiting_room.jobs import close_evenings
from waiting_room.models import Admission, Board, DoorWait, Room, Step, Ticket
from waiting_room.offline import verify_line
from waiting_room.offline.witness import Refused
from waiting_room.offline.witness import Witness as WitnessProgram
from waiting_room.services import (
    asking_witnesses,
    drawing,
    entering,
    joining,
    rooms,
    telling,
    ticking,
)
from waiting_room.services.drawing import open_secret, state_value
from waiting_room.services.entering import PATIENCE_AT_THE_DOOR
from waiting_room.services.log_files import policy_of
from waiting_room.services.publishing import log_lines, prove
from waiting_room.services.ticking import tick_room, tick_rooms

PEOPLE, CONNECTIONS = 6, 3
# The round whose signature can stand in a file; the doors open so that the rule leads to it.
ROUND = 1000
SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
AFTER = 6
OPENS = beacon.time_of(ROUND) - timedelta(seconds=AFTER)
SECRETS = {"Health office": "00" * 32, "Newspaper": "01" * 32}
NO_DRAW = "fifo"

person = st.integers(0, PEOPLE - 1)
worker = st.integers(0, CONNECTIONS - 1)

# What a person, a worker or an operator may do; each takes the machine and a person.
ACTS: dict[str, Callable[["Lines", int], Any]] = {
    "join": lambda m, who: m.join(who),
    "leave": lambda m, who: joining.leave_line(ticket=m.ticket(who)),
    "tell": lambda m, who: telling.request_alert(
        ticket=m.ticket(who), channel=Channel.EMAIL, email="a@example.kr", language="ko"
    ),
    "tell nothing": lambda m, who: telling.cancel_alert(ticket=m.ticket(who), language="ko"),
    "enter": lambda m, who: entering.enter(ticket=m.ticket(who)),
    "knock": lambda m, who: entering.knock(ticket=m.ticket(who)),
    "extend": lambda m, who: entering.extend_admission(admission=m.admission(who)),
    "book": lambda m, who: entering.end_admission(admission=m.admission(who), ending=Ending.BOOKED),
    "go out": lambda m, who: entering.end_admission(admission=m.admission(who), ending=Ending.LEFT),
    "tick": lambda m, _who: tick_room(m.pk),
    "tick all": lambda _m, _who: tick_rooms(),
    "lapse": lambda _m, _who: entering.lapse_admissions(),
    "send alerts": lambda _m, _who: telling.send_alerts(),
    "fetch": lambda _m, _who: drawing.fetch_beacons(),
    "ask the witness": lambda _m, _who: asking_witnesses.ask_witnesses(),
    "pause": lambda m, _who: rooms.pause_room(
        room=m.room, message_ko="점검", message_en="Check", by="staff:1"
    ),
    "resume": lambda m, _who: rooms.resume_room(room=m.room, by="staff:1"),
    "open a secret": lambda m, who: m.open_a_secret(who),
    "state the value": lambda m, who: state_value(
        room=m.room, value=f"{who % 2} 8 15", by="staff:1"
    ),
}


class Nothing(Exception):
    """The act has no object just now: this person has no ticket, or is not inside."""


class Relay:
    """A relay of drand on loopback, which is away now and then."""

    def __init__(self) -> None:
        self.is_up = True
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = relay.is_up and self.path.endswith(f"/public/{ROUND}")
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(f'{{"signature": "{SIGNATURE}"}}'.encode() if found else b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Newspaper:
    """A witness, the real program, that is away now and then."""

    def __init__(self, program: WitnessProgram) -> None:
        self.is_up = True
        cosign = program.add_checkpoint

        def add_checkpoint(body: bytes) -> str:
            if not self.is_up:
                raise Refused(503, "away")
            return cosign(body)

        program.add_checkpoint = add_checkpoint


class Lines(RuleBasedStateMachine):
    relay: Relay
    newspaper: Newspaper

    def __init__(self) -> None:
        super().__init__()
        self.hands = [ThreadPoolExecutor(1) for _ in range(CONNECTIONS)]
        self.entries: dict[int, int] = {}
        self.places: dict[int, int] = {}
        self.published: dict[int, str] = {}
        self.serving = self.inside = 0
        self.pk = 0

    @initialize(
        source=st.sampled_from([NO_DRAW, *DrawSource.values]),
        statement=st.sampled_from(["", "Lotto 1234, ascending"]),
        quorum=st.integers(0, 1),
        max_active=st.integers(1, 3),
        per_minute=st.sampled_from([30, 90, 600]),
        gathered=st.sets(person, min_size=2),
        begins=st.sampled_from([*["moving"] * 3, "gathering", "closed list", "before joining"]),
    )
    def plan(
        self,
        source: str,
        statement: str,
        quorum: int,
        max_active: int,
        per_minute: int,
        gathered: set[int],
        begins: str,
    ) -> None:
        clock.move_to(OPENS - timedelta(hours=2))
        self.relay.is_up = self.newspaper.is_up = True
        room = make_room(
            ticked=False,
            order=Order.FIFO if source == NO_DRAW else Order.DRAW,
            opens_at=OPENS,
            closes_at=OPENS + timedelta(hours=5),
            joins_from=OPENS - timedelta(hours=1),
            max_active=max_active,
            max_per_minute=per_minute,
        )
        self.pk = room.pk
        rooms.set_witness_plan(room=room, quorum=quorum, minutes=1, by="staff:1")
        if source != NO_DRAW:
            statement = statement or ("Lotto 1" if source == DrawSource.STATED else "")
            plan = {"source": source, "statement": statement, "after": AFTER}
            rooms.set_draw_plan(room=room, by="staff:1", **plan)
        if source == DrawSource.OFFICERS:
            for name, secret in SECRETS.items():
                hidden = draw.commitment(bytes.fromhex(secret))
                rooms.add_officer(room=room, name=name, commitment=hidden, by="staff:1")
        self.people = [make_eligible(room) for _ in range(PEOPLE)]
        if begins == "before joining":
            return
        clock.move_to(OPENS - timedelta(minutes=50))
        for who in gathered:
            self.join(who)
        if begins == "gathering":
            return
        clock.move_to(OPENS)
        tick_room(self.pk)
        if begins == "moving":
            self._hold_the_draw()

    def _hold_the_draw(self) -> None:
        """As it goes when nothing is in the way."""
        clock.forward(seconds=AFTER)
        for name, who in [("open a secret", 0), ("open a secret", 1), ("fetch", 0)]:
            self.act(name, who)
        self.act("ask the witness", 0)
        self.act("state the value", 0)
        for _ in range(3):
            tick_room(self.pk)
            clock.forward(seconds=1)

    def teardown(self) -> None:
        try:
            if self.pk:
                self.the_log_is_in_order()
                self.the_totals_are_those_of_the_tables()
        finally:
            # The next run is for its own room alone.
            Room.objects.update(status=RoomStatus.CLOSED)
            Board.objects.update(final=True)
            for hand in self.hands:
                hand.submit(lambda: connection.close()).result()  # each thread's own
                hand.shutdown()
            clock.reset()

    # What the acts need

    @property
    def room(self) -> Room:
        return Room.objects.select_related("cohort", "line", "board").get(pk=self.pk)

    def join(self, who: int) -> None:
        ticket = joining.issue_ticket(room=self.room, person_id=self.people[who].pk)
        assert self.entries.setdefault(who, ticket.entry) == ticket.entry

    def ticket(self, who: int) -> Ticket:
        tickets = Ticket.objects.select_related("room__cohort", "room__line", "person")
        found = tickets.filter(room=self.pk, person=self.people[who]).first()
        if found is None:
            raise Nothing
        return found

    def admission(self, who: int) -> Admission:
        found = Admission.objects.filter(ticket=self.ticket(who), ended_at=None).first()
        if found is None:
            raise Nothing
        return found

    def open_a_secret(self, who: int) -> None:
        name = sorted(SECRETS)[who % 2]
        open_secret(room=self.room, name=name, secret=SECRETS[name], by="staff:1")

    def act(self, name: str, who: int) -> Any:
        try:
            return ACTS[name](self, who)
        except (LineRefusal, Nothing) as refusal:
            return refusal

    # What happens

    @rule(name=st.sampled_from(sorted(ACTS)), who=person, hand=worker)
    def one_act(self, name: str, who: int, hand: int) -> None:
        self.hands[hand].submit(self.act, name, who).result(30)

    @rule(who=person, hand=worker)
    def come_in(self, who: int, hand: int) -> None:
        """Entering alone, so that it can be said whose turn it was."""
        before = self._door(who)
        outcome = self.hands[hand].submit(self.act, "enter", who).result(30)
        if isinstance(outcome, Admission) and before is not None:
            free, ahead = before
            assert free > ahead, f"person {who} went past {ahead} at the door, with {free} free"

    def _door(self, who: int) -> tuple[int, int] | None:
        """How many admissions are free, and how many at the door go first; None if inside."""
        room, now = self.room, timezone.now()
        live = Admission.objects.filter(room=room, ended_at=None, expires_at__gt=now)
        try:
            ticket = self.ticket(who)
        except Nothing:
            return None
        if ticket.place is None or live.filter(ticket=ticket).exists():
            return None
        ahead = DoorWait.objects.filter(
            room=room, place__lt=ticket.place, at__gt=now - PATIENCE_AT_THE_DOOR
        )
        return room.max_active - live.count(), ahead.count()

    @rule(
        acts=st.lists(
            st.tuples(st.sampled_from(sorted(ACTS)), person), min_size=2, max_size=CONNECTIONS
        )
    )
    def acts_at_once(self, acts: list[tuple[str, int]]) -> None:
        running = [
            hand.submit(self.act, *each) for hand, each in zip(self.hands, acts, strict=False)
        ]
        for one in running:
            one.result(30)

    @rule(seconds=st.sampled_from([1, 1, 2, 7, 65]), workers=st.integers(1, CONNECTIONS))
    def a_tick(self, seconds: int, workers: int) -> None:
        clock.forward(seconds=seconds)
        for one in [hand.submit(self.act, "tick", 0) for hand in self.hands[:workers]]:
            one.result(30)

    @rule(coming=st.sets(person))
    def some_ordinary_seconds(self, coming: set[int]) -> None:
        """The line moves, and these people come in as they are called."""
        for _ in range(3):
            clock.forward(seconds=1)
            tick_room(self.pk)
            for who in coming:
                self.come_in(who, hand=who % CONNECTIONS)

    @rule(hand=worker)
    def a_worker_is_lost_in_the_middle_of_a_tick(self, hand: int) -> None:
        clock.forward(seconds=1)
        self.hands[hand].submit(self._lost_tick).result(30)

    def _lost_tick(self) -> None:
        with _dying_before_the_commit(), pytest.raises(DatabaseError):
            tick_room(self.pk)
        connection.close()

    @precondition(lambda self: self.pk and timezone.now() < OPENS)
    @rule(is_slept_through=st.sampled_from([False, False, True]))
    def the_doors_open(self, is_slept_through: bool) -> None:
        opens_at = Cohort.objects.values_list("opens_at", flat=True).get(room=self.pk)
        clock.move_to(max(timezone.now(), opens_at))
        if is_slept_through:  # no worker was there at the time
            clock.forward(minutes=2)
        tick_room(self.pk)

    @rule(seconds=st.sampled_from([3, 20, 40, 11 * 60, 16 * 60]))
    def time_passes(self, seconds: int) -> None:
        clock.forward(seconds=seconds)

    @rule()
    def the_beacon_goes_and_comes(self) -> None:
        self.relay.is_up = not self.relay.is_up

    @rule()
    def the_witness_goes_and_comes(self) -> None:
        self.newspaper.is_up = not self.newspaper.is_up

    @rule(max_active=st.integers(1, 4), per_minute=st.sampled_from([1, 30, 600]))
    def the_pace_is_set(self, max_active: int, per_minute: int) -> None:
        if self.room.status != RoomStatus.CLOSED:
            rooms.set_pace(
                room=self.room, max_active=max_active, max_per_minute=per_minute, by="staff:1"
            )

    @precondition(lambda self: self.pk and self.room.frozen_at is None)
    @rule(minutes=st.sampled_from([-45, -5, 5, 0]))
    def the_opening_is_moved(self, minutes: int) -> None:
        self._change(opens_at=OPENS + timedelta(minutes=minutes))

    @rule(minutes=st.sampled_from([-300, -5, 30, 30]))
    def the_end_is_moved(self, minutes: int) -> None:
        closes_at = Cohort.objects.values_list("closes_at", flat=True).get(room=self.pk)
        self._change(closes_at=closes_at + timedelta(minutes=minutes))

    def _change(self, **values: Any) -> None:
        cohort = Cohort.objects.get(room=self.pk)
        try:
            plan_change(cohort=cohort, values=values, takes_effect_at=timezone.now(), by="staff:1")
        except ValidationError:  # people were promised another
            return
        apply_due_changes()

    @rule(is_meant=st.sampled_from([False] * 9 + [True]))
    def the_line_is_closed(self, is_meant: bool) -> None:
        if is_meant:
            rooms.close_room(room=self.room, by="staff:1")

    # What must hold

    @invariant()
    def nobody_has_lost_a_place_or_moved_back(self) -> None:
        if not self.pk:
            return
        room = self.room
        tickets = {ticket.person_id: ticket for ticket in Ticket.objects.filter(room=room)}
        for who, entry in self.entries.items():
            assert tickets[self.people[who].pk].entry == entry
            place = room.place_of(entry)
            if place is not None:
                assert self.places.setdefault(who, place) == place
            else:
                assert who not in self.places, "a place was taken back"
        assert len(set(self.places.values())) == len(self.places)
        assert room.line.serving >= self.serving
        self.serving = room.line.serving
        log = room.board.document.get("log")
        if log:
            assert self.published.setdefault(log["size"], log["root"]) == log["root"]

    @invariant()
    def no_more_are_inside_than_the_pace_allows(self) -> None:
        if not self.pk:
            return
        room = self.room
        inside = Admission.objects.filter(
            room=room, ended_at=None, expires_at__gt=timezone.now()
        ).count()
        assert inside <= max(room.max_active, self.inside)  # a cut throws nobody out
        assert inside <= room.line.active <= room.line.max_active
        self.inside = inside

    @invariant()
    def whoever_entered_was_called_before(self) -> None:
        for admission in Admission.objects.filter(room=self.pk).select_related("ticket"):
            call = Step.objects.get(
                room=self.pk, act="call", first__lte=admission.place, last__gte=admission.place
            )
            assert call.at == admission.called_at <= admission.entered_at

    def the_log_is_in_order(self) -> None:
        """By the independent verifier, from the tables and from the files, after two more ticks."""
        self.newspaper.is_up = True
        clock.forward(seconds=301)  # however long the witness was left in peace
        tick_room(self.pk)  # there may have been none, and no log to ask for
        self.act("ask the witness", 0)
        for _ in range(2):
            clock.forward(seconds=1)
            tick_room(self.pk)
        room = self.room
        entered = Admission.objects.filter(room=room).count()
        event(f"quorum {room.quorum}, witnessed {room.witnessed_at is not None}")
        event(f"{room.cohort.order}: drawn {room.drawn_at is not None}, entered {entered > 0}")
        lines = "".join(log_lines(room))
        report = verify_line.check(verify_line.rows_of(io.StringIO(lines, newline="")))
        for root in self.published.values():
            verify_line.check_root(report, root)
        folder = Path(django_settings.HOME) / "tlog" / room.cohort.code
        verify_line.check_tiles(report, folder, verify_line.Policy(policy_of(room)))
        for trouble in report.troubles:
            note(str(trouble))
        assert report.troubles == []
        assert (report.tickets, report.called) == (len(self.entries), room.line.serving)
        for who in self.entries:
            proof = prove(self.ticket(who))
            assert proof is not None
            assert public_log.verify(proof)
            assert proof["root"] == report.root
        call_command("verify_line", room.cohort.code, stdout=io.StringIO())

    def the_totals_are_those_of_the_tables(self) -> None:
        """When the line is closed and the last one inside has booked, gone or run out of time."""
        rooms.close_room(room=self.room, by="staff:1")
        clock.forward(minutes=20)
        for _ in range(2):
            clock.forward(seconds=1)
            ticking.tick_room(self.pk)
        close_evenings()
        ticking.tick_room(self.pk)
        room = self.room
        lines = "".join(log_lines(room))
        report = verify_line.check(verify_line.rows_of(io.StringIO(lines, newline="")))
        assert report.troubles == []
        assert report.totals == totals_of_the_tables(room)
        assert room.board.final


@contextmanager
def _dying_before_the_commit() -> Iterator[None]:
    """The worker's connection is cut when the tick has written everything but its document."""
    published = ticking._publish

    def publish(facts: Any, *, is_final: bool) -> Any:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            pid = connection.connection.info.backend_pid
            server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return published(facts, is_final=is_final)

    with patch.object(ticking, "_publish", publish):
        yield


@pytest.mark.django_db(transaction=True)
def test_everything_in_any_order_from_several_connections(
    relay: Relay, newspaper: Newspaper
) -> None:
    Lines.relay, Lines.newspaper = relay, newspaper
    run_state_machine_as_test(
        Lines,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "12")),
            stateful_step_count=40,
            # Shrinking takes minutes where nobody waits for it.
            phases=set(Phase) if "EXAMPLES" in os.environ else {Phase.generate},
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def relay(settings: Any, tmp_path: Path) -> Iterator[Relay]:
    running = Relay()
    settings.HOME, settings.DRAND_URLS = tmp_path, [running.address]
    yield running
    running.stop()


@pytest.fixture
def newspaper(settings: Any, tmp_path: Path) -> Iterator[Newspaper]:
    settings.PUBLIC_URL = f"https://{scene.HOST}"
    keys = scene.portal_key(*settings.LOG_KEYS)
    with scene.running("newspaper", tmp_path, keys) as (witness, program):
        settings.WITNESSES, settings.WITNESS_QUORUM = (witness,), 0
        yield Newspaper(program)
