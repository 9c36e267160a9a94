"""Hundreds of real connections at once, and processes and connections that die in between."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.exceptions import SlotFull
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.models import Reservation, Slot
from booking.services import changes
from booking.services.changes import change_reservation
from booking.services.confirmations import confirm_hold
from booking.services.holds import HOLD_LIFETIME, take_back_holds
from messaging.models import Message
from tests.accidents import end_a_connection
from tests.booking.goals import GOALS, Goal, assert_all_is_booked_and_whole, broken, halves
from tests.concurrency import at_once
from tests.crowd import admit, open_slots
from tests.factories import ReservationFactory, RoomFactory, SlotFactory, VaccineFactory
from tests.holding import hold_slot
from tests.roles import as_owner, database_url, owner_url

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 500


@pytest.fixture(params=GOALS, ids=lambda make: make.__name__)
def goal(request) -> Goal:
    return request.param()


def book(admission, slot, hold=hold_slot) -> list[Reservation]:
    held = hold(person_id=admission.ticket.person_id, slot_id=slot.pk, admission_id=admission.pk)
    return confirm_hold(person_id=admission.ticket.person_id, key=held[0].key)


def storm(calls) -> Counter:
    outcomes = at_once(calls, patience=120)
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_five_hundred_get_exactly_what_there_is_and_every_loser_gets_alternatives(goal):
    people = admit(RoomFactory(), CROWD)
    found = []

    def book_or_look(admission, slot, hold):
        try:
            return book(admission, slot, hold)
        except SlotFull:
            vaccines = frozenset([slot.vaccine_id])
            times = alternatives(
                clinic_id=slot.clinic_id, vaccines=vaccines, starts_at=slot.starts_at
            )
            found.append((slot.pk, {time.id for time in times}))
            raise

    kinds = storm(goal.calls(people, book_or_look))

    assert kinds == {"list": 100, "SlotFull": 400}
    assert_all_is_booked_and_whole(goal)
    assert [len(times) for _lost, times in found] == [3] * 400
    assert [lost for lost, times in found if lost in times] == []
    open_then = {one.pk for one in [*goal.wanted, *goal.others]}
    assert set().union(*(times for _lost, times in found)) <= open_then


def test_pairs_in_both_orders_never_wait_in_a_circle():
    """Held one by one in the order they are given, these would deadlock."""
    vaccine = VaccineFactory(doses=2, min_days=0, best_days=0, max_days=0, code="same-day")
    one, other = (SlotFactory(vaccine=vaccine, capacity=60) for _ in range(2))
    people = admit(RoomFactory(), 60)

    def hold(admission, pair):
        return hold_slot(
            person_id=admission.ticket.person_id,
            slot_id=pair[0].pk,
            second_id=pair[1].pk,
            admission_id=admission.pk,
        )

    pairs = [(one, other), (other, one)]
    kinds = storm([partial(hold, each, pairs[n % 2]) for n, each in enumerate(people)])

    assert kinds == {"list": 60}
    assert broken() == []


def test_connections_killed_at_random_leave_nothing_half_done(goal):
    calls = goal.calls(admit(RoomFactory(), 200), book)
    dice, killed = random.Random(5), []  # noqa: S311
    connection.close()  # ours is not to be hit

    with psycopg.connect(owner_url(), autocommit=True) as postgres:

        def then_kill_somebody(call):
            try:
                return call()
            finally:
                if dice.random() < 0.5:
                    killed.append(end_a_connection(postgres, idle=True))

        kinds = storm([partial(then_kill_somebody, call) for call in calls])
    after_kills = [*broken(), *halves(goal)]
    take_back_holds(now=timezone.now() + HOLD_LIFETIME)
    again = storm(calls)

    assert 0 < kinds["OperationalError"] <= sum(killed), "the test shows nothing"
    assert set(kinds) <= {"list", "SlotFull", "OperationalError"}
    assert after_kills == []
    assert set(again) <= {"list", "SlotFull", "AlreadyBooked", "NoDoseLeft"}
    assert_all_is_booked_and_whole(goal)


# What a web process does with one person after the other, until it is killed.
PROCESS = """
import os, sys
sys.path.insert(0, {base!r})
import config, django
django.setup()
from booking.exceptions import Refused
from booking.services import confirmations, holds
for line in sys.stdin:
    person, slot, admission = map(int, line.split())
    try:
        key = holds.{hold}(person_id=person, slot_id=slot, admission_id=admission)
        confirmations.confirm_hold(person_id=person, key=key)
        {after}
    except Refused as refusal:
        pass
    print(person, flush=True)
"""


def process(hold: Callable = hold_slot, after: str = "pass") -> subprocess.Popen:
    code = PROCESS.format(
        base=str(settings.BASE_DIR),
        hold=hold.__name__,
        after=after,
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": database_url()},
    )


def kill_after(answers: int, worker: subprocess.Popen) -> None:
    for _line in range(answers):
        assert worker.stdout.readline(), "it died by itself"
    worker.kill()


def test_processes_killed_at_random_leave_nothing_half_done(goal):
    people = admit(RoomFactory(), 160)
    *doomed, survivor = processes = [process(goal.hold) for _ in range(4)]
    for number, worker in enumerate(processes):
        for one, slot in goal.chosen(people)[number::4]:
            print(one.ticket.person_id, slot.pk, one.pk, file=worker.stdin)
        worker.stdin.flush()  # and not closed: none ends before it is killed
    dice = random.Random(7)  # noqa: S311

    with ThreadPoolExecutor() as pool:
        list(pool.map(kill_after, [dice.randrange(1, 6) for _ in doomed], doomed))
    answered, _none = survivor.communicate(timeout=120)
    for worker in doomed:
        worker.communicate(timeout=60)
    _await_the_end_of_their_connections()
    after_kills = [*broken(), *halves(goal)]
    take_back_holds(now=timezone.now() + HOLD_LIFETIME)
    again = storm(goal.calls(people, book))

    assert [worker.returncode for worker in processes] == [-signal.SIGKILL] * 3 + [0]
    assert len(answered.splitlines()) == 40
    assert after_kills == []
    assert set(again) <= {"list", "SlotFull", "AlreadyBooked", "NoDoseLeft"}
    assert_all_is_booked_and_whole(goal)


def _await_the_end_of_their_connections() -> None:
    """Postgres notices the dead when it answers them."""
    alarm = time.monotonic() + 20
    with as_owner(), connection.cursor() as cursor:
        while time.monotonic() < alarm:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.02)
    raise AssertionError("Connections of the dead live on.")


def test_killed_between_commit_and_answer_the_retry_answers_the_same_reservation():
    [slot], [one] = open_slots(1, capacity=1), admit(RoomFactory(), 1)
    worker = process(after="os.kill(os.getpid(), 9)")

    answer, _none = worker.communicate(f"{one.ticket.person_id} {slot.pk} {one.pk}\n")
    committed = Reservation.objects.get()
    [again] = confirm_hold(person_id=one.ticket.person_id, key=committed.key)

    assert (answer, worker.returncode) == ("", -signal.SIGKILL)
    assert (again.number, again.status) == (committed.number, ReservationStatus.CONFIRMED)
    assert Message.objects.filter(kind="confirmed").count() == 1
    assert broken() == []


def test_stale_open_times_never_overbook():
    """Pages two seconds old lead everybody to the last place; the lock decides."""
    reservation = ReservationFactory(slot=SlotFactory(capacity=2))
    slot = reservation.slot
    day = timezone.localtime(slot.starts_at).date()
    shown = [time.left for time in availability.times([slot.clinic_id], day)]
    people = admit(RoomFactory(), 20)

    kinds = storm([partial(book, one, slot) for one in people])

    assert shown == [1]
    assert kinds == {"list": 1, "SlotFull": 19}


def swap(reservation: Reservation, slots: list[Slot]) -> list[str]:
    """Move to one after the other, whether or not there is room."""
    outcomes = []
    with connection.cursor() as cursor:  # on a busy machine everybody waits until it is their turn
        cursor.execute("SET lock_timeout = 0")
    for slot in slots:
        try:
            change_reservation(reservation=reservation, slot_id=slot.pk, by="citizen")
            outcomes.append("moved")
        except SlotFull:
            outcomes.append("full")
    return outcomes


def test_a_crowd_that_swaps_among_few_slots_keeps_each_within_its_capacity():
    """The nearest peer looks for room before it locks, and overbooks here."""
    slots = open_slots(4, capacity=31)
    dice = random.Random(3)  # noqa: S311
    for slot in slots:
        for one in admit(RoomFactory(), 30):
            book(one, slot)
    rows = list(Reservation.objects.order_by("pk"))
    numbers = {row.person_id: row.number for row in rows}

    outcomes = at_once([partial(swap, row, dice.choices(slots, k=4)) for row in rows], patience=120)

    kinds = Counter(kind for outcome in outcomes for kind in outcome)
    assert kinds.total() == 4 * 120
    assert min(kinds["moved"], kinds["full"]) > 0, "there was no race"
    confirmed = Reservation.objects.filter(status="confirmed")
    assert dict(confirmed.values_list("person_id", "number")) == numbers
    assert confirmed.count() == Reservation.objects.count() == 120
    for slot in slots:
        assert Slot.objects.get(pk=slot.pk).booked == slot.reservations.count() <= 31
    assert broken() == []


@pytest.mark.usefixtures("nothing_but_locks")
def test_a_swap_that_looks_without_locking_overbooks_in_the_same_race(monkeypatch):
    """The race above can fail: the service itself, with a look in the place of the lock."""
    wanted, *others = open_slots(5, capacity=1)
    rows = [
        ReservationFactory(slot=slot, admission=one, person=one.ticket.person)
        for slot, one in zip(others, admit(RoomFactory(), 4), strict=True)
    ]
    all_have_looked = threading.Barrier(4)

    def look(ids):
        found = Slot.objects.select_related("clinic", "vaccine").in_bulk(set(ids))
        all_have_looked.wait(30)
        return found

    monkeypatch.setattr(changes, "lock_slots", look)

    outcomes = at_once([partial(swap, row, [wanted]) for row in rows])

    assert outcomes == [["moved"]] * 4
    assert Slot.objects.get(pk=wanted.pk).booked == wanted.reservations.count() == 4
    assert broken() == ["capacity"]
