"""A hold belongs to a stay: its clock goes on whatever is exchanged, and nobody hoards times."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.models import Reservation
from booking.services.holds import HOLD_LIFETIME, LEAST_HELD, MOST_HELD, take_back_holds
from tests.booking.test_path import browser_of, key_on
from tests.factories import AdmissionFactory, SlotFactory
from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services.entering import end_admission

pytestmark = pytest.mark.django_db(transaction=True)


def long_stay() -> Admission:
    """As after asking for more time, again and again."""
    admission = AdmissionFactory()
    Admission.objects.update(expires_at=timezone.now() + timedelta(hours=3))
    return admission


def hold(browser, slot):
    return browser.post(reverse("hold"), {"slot": slot.pk})


def held() -> Reservation | None:
    return Reservation.objects.filter(status="held").first()


def test_a_hold_is_no_way_on_after_the_stay_has_ended():
    admission = AdmissionFactory()
    browser = browser_of(admission)
    first, other = SlotFactory(), SlotFactory()
    shown = hold(browser, first)
    end_admission(admission=admission, ending=Ending.LAPSED)

    exchanged = hold(browser, other)

    assert exchanged.status_code == 403
    assert [one.slot_id for one in Reservation.objects.filter(status="held")] == [first.pk]
    # What is held already may still be confirmed: the place was promised until its time.
    assert browser.post(reverse("confirm"), {"key": key_on(shown)}).status_code == 302


def test_an_exchange_keeps_the_clock_and_the_extensions(clock):
    clock.freeze()
    browser = browser_of(AdmissionFactory())
    shown = hold(browser, SlotFactory())
    until = held().held_until
    clock.forward(minutes=9)

    hold(browser, SlotFactory())
    exchanged = held()
    extended = browser.post(
        reverse("extend"), {"key": str(exchanged.key), "extension": exchanged.extensions + 1}
    )
    longer = held()
    hold(browser, SlotFactory())

    assert key_on(shown) != str(exchanged.key)
    assert exchanged.held_until == until
    assert extended.status_code == 302
    assert (held().held_until, held().extensions) == (longer.held_until, 1)


def test_giving_up_and_choosing_again_is_bounded_by_half_an_hour_a_stay(clock):
    clock.freeze()
    admission = long_stay()
    browser = browser_of(admission)
    slots = [SlotFactory() for _ in range(12)]
    kept = timedelta(0)

    for slot in slots:
        if hold(browser, slot).status_code != 200:
            break
        start, one = timezone.now(), held()
        assert one.held_until <= start + HOLD_LIFETIME
        clock.move_to(one.held_until - timedelta(seconds=5))
        browser.post(reverse("release"))
        kept += timezone.now() - start

    assert MOST_HELD - LEAST_HELD <= kept <= MOST_HELD
    admission.refresh_from_db()
    assert admission.ending == Ending.LAPSED
    assert held() is None


def test_letting_holds_run_out_is_bounded_alike(clock):
    clock.freeze()
    admission = long_stay()
    browser = browser_of(admission)

    answers = []
    for _ in range(4):
        answers.append(hold(browser, SlotFactory()).status_code)
        clock.forward(minutes=10, seconds=1)
        take_back_holds()

    assert answers == [200, 200, 200, 409]


def test_extensions_after_a_first_choice_do_not_pass_the_bound(clock):
    clock.freeze()
    admission = long_stay()
    browser = browser_of(admission)
    start = timezone.now()
    hold(browser, SlotFactory())
    clock.forward(minutes=8)
    browser.post(reverse("release"))
    hold(browser, SlotFactory())

    for number in (1, 2):
        clock.forward(minutes=9)
        browser.post(reverse("extend"), {"key": str(held().key), "extension": number})

    assert held().held_until == start + MOST_HELD


def test_a_time_pressed_too_late_is_held_after_entering_again():
    admission = AdmissionFactory()
    browser = browser_of(admission)
    slot = SlotFactory()
    end_admission(admission=admission, ending=Ending.LAPSED)

    refused = hold(browser, slot)
    page = refused.content.decode()
    assert refused.status_code == 403
    assert f'name="slot" value="{slot.pk}"' in page
    assert 'name="second"' not in page
    entered = browser.post(
        reverse("enter", args=[admission.ticket_id]), {"slot": slot.pk}, follow=True
    )

    assert entered.redirect_chain == [(reverse("hold"), 307)]
    assert held().slot_id == slot.pk
