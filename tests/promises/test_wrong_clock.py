"""A node whose own clock is wrong decides as the one beside it whose clock is right.

What each test builds, the right node built; from then on the wrong one serves.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django_otp.oath import TOTP

from booking.exceptions import HoldLapsed, SlotOver, TooLate
from booking.models import Offer
from booking.services.changes import cancel_reservation
from booking.services.confirmations import confirm_hold
from booking.services.holds import HOLD_LIFETIME, extend_hold, take_back_holds
from booking.services.offers import OFFER_LIFETIME, make_offers
from booking.services.reminders import remind
from config.views import PARTS
from database import signing
from eligibility.exceptions import CodeExpired, ResendTooSoon
from eligibility.models import Decision
from eligibility.services.changes import apply_due_changes, plan_change
from eligibility.services.identity import check_code, resend_code, start_verification
from messaging.models import Message
from messaging.services import send_waiting, write_message
from staff.door.links import tokens
from staff.models.devices import matching_step, new_key
from tests.booking.test_offers import entry
from tests.eligibility.signing_in import sign_in
from tests.eligibility.test_identity import HONG, code_of
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
)
from tests.holding import hold_best_slots, hold_slot
from waiting_room.exceptions import NotYetJoinable, RoomClosed
from waiting_room.models import Admission, Ticket
from waiting_room.services.joining import issue_ticket

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)
WRONG = [{"minutes": 7}, {"minutes": -7}, {"hours": 10}, {"days": -3}]


@pytest.fixture
def nine(clock):
    return clock.at("09:00")


@pytest.fixture(params=WRONG, ids=str)
def off(request) -> dict[str, int]:
    return request.param


@pytest.fixture
def wrong(clock, off) -> Callable:
    """Within `wrong()` the clock of this node is off, the database's is right."""
    return lambda: clock.node_ahead(**off)


@pytest.mark.parametrize("hold", [hold_slot, hold_best_slots])
def test_a_hold_lasts_ten_minutes_not_a_moment_more_or_less(hold, nine, wrong, clock):
    admission, slot = AdmissionFactory(), SlotFactory(capacity=1)
    who = {"person_id": admission.ticket.person_id}

    with wrong():
        clock.move_to(nine)
        [held] = hold(slot_id=slot.pk, admission_id=admission.pk, **who)
        assert held.held_until == nine + HOLD_LIFETIME
        assert clock.call_at(nine + HOLD_LIFETIME - MOMENT, take_back_holds) == 0
        [again] = hold(slot_id=slot.pk, admission_id=admission.pk, **who)  # the careful way
        assert again.key == held.key
        for act in (confirm_hold, extend_hold):
            with pytest.raises(HoldLapsed):
                clock.call_at(nine + HOLD_LIFETIME, act, key=held.key, **who)
        clock.move_to(nine + HOLD_LIFETIME - MOMENT)
        assert extend_hold(key=held.key, **who) == nine + 2 * HOLD_LIFETIME
        [confirmed] = confirm_hold(key=held.key, **who)

    assert confirmed.number == held.number


def test_a_time_is_booked_until_it_begins_and_changed_until_the_cut_off(nine, wrong, clock):
    first, second = AdmissionFactory.create_batch(2)
    Admission.objects.update(expires_at=nine + timedelta(days=2))
    slot = SlotFactory(starts_at=nine + timedelta(days=1))
    booked = ReservationFactory(slot=slot)
    cut_off = slot.starts_at - timedelta(hours=booked.slot.clinic.cutoff_hours)

    with wrong():
        with pytest.raises(TooLate):
            clock.call_at(cut_off + MOMENT, cancel_reservation, reservation=booked, by="citizen")
        assert clock.call_at(cut_off - MOMENT, cancel_reservation, reservation=booked, by="citizen")
        for admission, at in [(first, slot.starts_at - MOMENT), (second, slot.starts_at)]:
            clock.move_to(at)
            asked = {"person_id": admission.ticket.person_id, "admission_id": admission.pk}
            if admission is first:
                assert hold_slot(slot_id=slot.pk, **asked)
            else:
                with pytest.raises(SlotOver):
                    hold_slot(slot_id=slot.pk, **asked)


def test_no_window_opens_early_or_closes_late(nine, wrong, clock):
    opens_at, closes_at = nine + timedelta(hours=11), nine + timedelta(days=7)
    cohort = CohortFactory(opens_at=opens_at, closes_at=closes_at)
    room = RoomFactory(cohort=cohort, joins_from=opens_at)
    people = PersonFactory.create_batch(3)
    for person in people:
        Decision.objects.create(
            person=person, cohort=cohort, eligible=True, rule="born",
            window_from=opens_at, window_to=closes_at,
        )  # fmt: skip
    join = f"/queue/{cohort.code}/join/"

    with wrong():
        browser = Client()
        clock.move_to(opens_at - MOMENT)
        sign_in(browser, people[0])
        assert browser.post(join).status_code == 409
        with pytest.raises(NotYetJoinable):
            issue_ticket(room=room, person_id=people[1].pk)
        assert "is-may_join" not in browser.get("/").content.decode()
        clock.move_to(opens_at)
        assert browser.post(join).status_code == 302
        assert "is-may_join" in browser.get("/").content.decode()
        assert issue_ticket(room=room, person_id=people[1].pk)
        clock.move_to(closes_at)
        with pytest.raises(RoomClosed):
            issue_ticket(room=room, person_id=people[2].pk)

    assert Ticket.objects.count() == 2


def test_rules_change_at_their_time(nine, wrong, clock):
    cohort, at = CohortFactory(), nine + timedelta(hours=1)
    plan_change(cohort=cohort, values={"priority": 1}, takes_effect_at=at, by="staff:1")

    with wrong():
        applied = [clock.call_at(when, apply_due_changes) for when in (at - MOMENT, at)]

    assert applied == [0, 1]


def test_an_offer_lasts_its_quarter_of_an_hour(nine, wrong, clock):
    entry(AdmissionFactory())
    SlotFactory(capacity=1)

    with wrong():
        clock.move_to(nine)
        assert make_offers() == 1
        offer = Offer.objects.get()
        assert (offer.offered_at, offer.until) == (nine, nine + OFFER_LIFETIME)
        ended = [clock.call_at(at, take_back_holds) for at in (offer.until - MOMENT, offer.until)]

    assert ended == [0, 1]


def test_a_reminder_goes_out_on_the_day_before_and_by_day(nine, wrong, clock):
    ReservationFactory()  # in two days, at ten
    ten = nine.replace(hour=10)
    hours = [
        ten - timedelta(days=1),
        ten,
        ten.replace(hour=21),
        ten + timedelta(hours=23, minutes=59),
    ]

    with wrong():
        sent = [clock.call_at(at, remind) for at in hours]
        tomorrow = clock.call_at(ten + timedelta(days=1), remind)

    assert (sent, tomorrow) == ([0, 0, 0, 0], 1)


def test_a_message_with_a_date_waits_for_it_and_ends_by_it(nine, wrong, clock):
    to = {"kind": "news", "channel": "sms", "to": "+821000001234", "text": "."}
    write_message(key="later", not_before=nine + timedelta(hours=1), **to)
    write_message(key="sooner", not_after=nine, **to)

    with wrong():
        clock.move_to(nine + MOMENT)
        send_waiting()
        early = dict(_statuses())
        clock.call_at(nine + timedelta(hours=1), send_waiting)

    assert early == {"later": "waiting", "sooner": "expired"}
    assert dict(_statuses())["later"] == "sent"


def _statuses():
    return Message.objects.values_list("key", "status")


def test_a_sign_in_code_lives_three_minutes(nine, wrong, clock):
    with wrong():
        clock.move_to(nine)
        challenge = start_verification(**HONG)
        with pytest.raises(ResendTooSoon):
            clock.call_at(nine + timedelta(seconds=59), resend_code, challenge=challenge)
        act = {"act": check_code, "challenge": challenge, "code": code_of(challenge)}
        with pytest.raises(CodeExpired):
            clock.call_at(nine + timedelta(minutes=3), **act)
        person = clock.call_at(nine + timedelta(minutes=3) - MOMENT, **act)

    assert person.name == HONG["name"]


@pytest.mark.parametrize("signed_by", ["right", "wrong"])
@pytest.mark.parametrize("read_by", ["right", "wrong"])
def test_an_identity_lives_as_long_as_it_was_promised(
    signed_by, read_by, nine, wrong, clock, settings
):
    settings.IDENTITY_DAYS = 14
    browser, person = Client(), PersonFactory()

    def reads() -> bool:
        return browser.get("/eligibility/").status_code == 200

    _served(signed_by, wrong, clock, nine, lambda: sign_in(browser, person))
    last = nine + timedelta(days=14)
    fresh = _served(read_by, wrong, clock, last - timedelta(seconds=1), reads)
    late = _served(read_by, wrong, clock, last + timedelta(seconds=1), reads)

    assert (fresh, late) == (True, False)


@pytest.mark.parametrize("signed_by", ["right", "wrong"])
@pytest.mark.parametrize("read_by", ["right", "wrong"])
def test_a_signed_value_ages_by_the_databases_clock(signed_by, read_by, nine, wrong, clock):
    token = _served(signed_by, wrong, clock, nine, lambda: signing.dumps([1], salt="test"))

    def read() -> list:
        try:
            return signing.loads(token, salt="test", max_age=60)
        except signing.BadSignature:
            return []

    ages = [nine + timedelta(seconds=seconds) for seconds in (0, 60, 61)]
    assert [_served(read_by, wrong, clock, at, read) for at in ages] == [[1], [1], []]


def test_staff_sign_in_by_the_databases_clock(nine, wrong, clock, client):
    key, user = new_key(), StaffFactory(superuser=True)
    shown = TOTP(bytes.fromhex(key))
    shown.time = nine.timestamp()
    client.force_login(user)
    client.get("/admin/")

    def status() -> int:
        return client.get("/admin/").status_code

    with wrong():
        typed = {"key": key, "token": f"{shown.token():06}"}
        codes = [
            clock.call_at(nine + timedelta(seconds=late), matching_step, **typed)
            for late in (0, 90)
        ]
        used = [clock.call_at(nine + timedelta(minutes=late), status) for late in (29, 58, 89)]

    assert [code is None for code in codes] == [False, True]
    assert used == [200, 200, 302]


def test_a_link_ends_by_the_databases_clock(nine, wrong, clock, settings):
    user, last = StaffFactory(), nine + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)

    with wrong():
        token = clock.call_at(nine, tokens.make_token, user=user)
        good = [
            clock.call_at(at, tokens.check_token, user=user, token=token)
            for at in (last, last + timedelta(seconds=1))
        ]

    assert good == [True, False]


def _served(node: str, wrong: Callable, clock, at, act: Callable):
    """What `act` answers at this instant on the right or on the wrong node."""
    if node == "right":
        return clock.call_at(at, act)
    with wrong():
        return clock.call_at(at, act)


def test_those_who_run_it_are_told(off, wrong, client):
    with wrong():
        line = client.get("/readyz").json()["clock"]
        assert PARTS["clock"]() == line
    right = client.get("/readyz").json()["clock"]

    assert line.startswith("The clock of this node is ")
    assert ("ahead" in line) == (timedelta(**off) > timedelta(0))
    assert right == "ok"
