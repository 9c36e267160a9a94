"""Hundreds of real connections at once, and processes and connections that die in between."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from booking import availability
from booking.enums import ReservationStatus
from booking.exceptions import SlotFull
from booking.finding import alternatives
from booking.models import Reservation, Slot
from booking.services import HOLD_LIFETIME, confirm_hold, hold_place, hold_times, take_back_holds
from booking.verifying import verify
from messaging.models import Message
from tests.concurrency import at_once
from tests.crowd import admit, open_slots
from tests.factories import ReservationFactory, RoomFactory, SlotFactory, VaccineFactory

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 500


def book(admission, slot, service=hold_place) -> list[Reservation]:
    held = service(person_id=admission.ticket.person_id, slot_id=slot.pk, admission_id=admission.pk)
    return confirm_hold(person_id=admission.ticket.person_id, key=held[0].key)


def broken() -> list[str]:
    return [answer.question.name for answer in verify() if answer.broken]


def storm(calls) -> Counter:
    outcomes = at_once(calls, patience=120)
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_five_hundred_for_one_slot_of_a_hundred_and_every_loser_gets_alternatives():
    slot, *others = open_slots(12, capacity=100)
    people = admit(RoomFactory(), CROWD)
    found = []

    def book_or_look(admission):
        try:
            return book(admission, slot)
        except SlotFull:
            found.append(
                alternatives(
                    clinic_id=slot.clinic_id,
                    vaccines=frozenset([slot.vaccine_id]),
                    starts_at=slot.starts_at,
                )
            )
            raise

    kinds = storm([partial(book_or_look, one) for one in people])

    assert kinds == {"list": 100, "SlotFull": 400}
    assert slot.reservations.filter(status="confirmed").count() == 100
    assert {len(times) for times in found} == {3}
    assert {time.id for times in found for time in times} <= {one.pk for one in others}
    assert broken() == []


def test_five_hundred_for_ten_slots_of_ten():
    slots = open_slots(10, capacity=10)
    people = admit(RoomFactory(), CROWD)

    kinds = storm([partial(book, one, slots[n % 10]) for n, one in enumerate(people)])

    assert kinds == {"list": 100, "SlotFull": 400}
    assert set(Slot.objects.values_list("booked", flat=True)) == {10}
    assert broken() == []


def test_five_hundred_for_a_pair_of_doses():
    first = SlotFactory(double=True, capacity=100)
    second = SlotFactory(
        clinic=first.clinic,
        vaccine=first.vaccine,
        capacity=100,
        starts_at=first.starts_at + timedelta(days=28),
    )
    people = admit(RoomFactory(), CROWD)

    kinds = storm([partial(book, one, first, hold_times) for one in people])

    assert kinds == {"list": 100, "SlotFull": 400}
    assert Counter(Reservation.objects.values_list("dose", flat=True)) == {1: 100, 2: 100}
    assert [Slot.objects.get(pk=one.pk).booked for one in (first, second)] == [100, 100]
    assert broken() == []


def test_pairs_in_both_orders_never_wait_in_a_circle():
    """Held one by one in the order they are given, these would deadlock."""
    vaccine = VaccineFactory(doses=2, min_days=0, best_days=0, max_days=0, code="same-day")
    one, other = (SlotFactory(vaccine=vaccine, capacity=60) for _ in range(2))
    people = admit(RoomFactory(), 60)

    def hold(admission, pair):
        return hold_place(
            person_id=admission.ticket.person_id,
            slot_id=pair[0].pk,
            second_id=pair[1].pk,
            admission_id=admission.pk,
        )

    pairs = [(one, other), (other, one)]
    kinds = storm([partial(hold, each, pairs[n % 2]) for n, each in enumerate(people)])

    assert kinds == {"list": 60}
    assert broken() == []


def test_connections_killed_at_random_leave_nothing_half_done():
    slots = open_slots(10, capacity=10)
    people = admit(RoomFactory(), 200)
    dice, stop = random.Random(5), threading.Event()  # noqa: S311
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [ours] = cursor.fetchone()

    def kill_some():
        with connection.cursor() as cursor:
            while not stop.wait(0.02):
                cursor.execute(
                    "SELECT pid, state <> 'idle' FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)"
                    " AND backend_type = 'client backend'",
                    [ours],
                )
                found = cursor.fetchall()
                # In the middle of something where there is one; most of the time Python is busy.
                pids = [pid for pid, busy in found if busy] or [pid for pid, _busy in found]
                if pids:
                    cursor.execute("SELECT pg_terminate_backend(%s)", [dice.choice(pids)])
        connection.close()

    killer = threading.Thread(target=kill_some)
    killer.start()
    kinds = storm([partial(book, one, slots[n % 10]) for n, one in enumerate(people)])
    stop.set()
    killer.join()
    after_kills = broken()
    take_back_holds(now=timezone.now() + HOLD_LIFETIME)
    again = storm([partial(book, one, slots[n % 10]) for n, one in enumerate(people)])

    assert sum(kinds.values()) == 200
    assert kinds["OperationalError"] > 0, "the killer hit nobody: the test shows nothing"
    assert after_kills == []
    assert set(again) <= {"list", "SlotFull", "AlreadyBooked"}
    assert set(Slot.objects.values_list("booked", flat=True)) == {10}
    assert Reservation.objects.filter(status="confirmed").count() == 100
    assert Message.objects.filter(kind="confirmed").count() == 100
    assert broken() == []


# What a web process does with one person after the other, until it is killed.
PROCESS = """
import os, sys
sys.path.insert(0, {base!r})
import config, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = {name!r}
from booking.exceptions import Refused
from booking.services import confirm_hold, hold_place
for line in sys.stdin:
    person, slot, admission = map(int, line.split())
    try:
        [held] = hold_place(person_id=person, slot_id=slot, admission_id=admission)
        confirm_hold(person_id=person, key=held.key)
        {after}
    except Refused as refusal:
        pass
    print(person, flush=True)
"""


def process(after: str = "pass") -> subprocess.Popen:
    code = PROCESS.format(
        base=str(settings.BASE_DIR), name=connection.settings_dict["NAME"], after=after
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
    )


def test_processes_killed_at_random_leave_nothing_half_done():
    slots = open_slots(10, capacity=10)
    people = admit(RoomFactory(), 160)
    processes = [process() for _ in range(4)]
    for number, worker in enumerate(processes):
        for turn, one in enumerate(people[number::4]):
            print(one.ticket.person_id, slots[turn % 10].pk, one.pk, file=worker.stdin)
        worker.stdin.close()
    dice = random.Random(7)  # noqa: S311

    for worker in processes[:3]:
        for _line in range(dice.randrange(1, 6)):
            assert worker.stdout.readline(), "it died by itself"
        worker.send_signal(signal.SIGKILL)
    for worker in processes:
        worker.stdout.close()
        worker.wait(60)
    killed = [worker.returncode for worker in processes]
    _await_the_end_of_their_connections()
    after_kills = broken()
    take_back_holds(now=timezone.now() + HOLD_LIFETIME)
    again = storm([partial(book, one, slots[n % 10]) for n, one in enumerate(people)])

    assert killed[:3] == [-signal.SIGKILL] * 3
    assert after_kills == []
    assert set(again) <= {"list", "SlotFull", "AlreadyBooked"}
    assert set(Slot.objects.values_list("booked", flat=True)) == {10}
    assert broken() == []


def _await_the_end_of_their_connections() -> None:
    """Postgres notices the dead when it answers them."""
    alarm = time.monotonic() + 20
    with connection.cursor() as cursor:
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
