"""Acting for somebody else: the name on every page, and old pages that are for another person."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.models import Reservation
from eligibility.models import Person, Proxy
from eligibility.services.family import end_proxy
from messaging.models import Message
from tests.booking.test_path import heading, key_on, page, slots_on
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import AdmissionFactory, PersonFactory, ReservationFactory, SlotFactory
from tests.waiting_room.scene import make_eligible, make_room
from waiting_room.models import Ticket
from web.form_tokens import FIELD

pytestmark = pytest.mark.django_db

FORMS = re.compile(r"<form\b[^>]*\bmethod=\"post\".*?</form>", re.DOTALL)
NOTHING = "Nothing was done"


class Family:
    """A son and his mother, both inside, for whom he may act; and his browser."""

    def __init__(self) -> None:
        self.own, self.hers = AdmissionFactory(), AdmissionFactory()
        self.son, self.mother = self.own.ticket.person, self.hers.ticket.person
        self.mother.name = "김영희"
        self.mother.save()
        self.proxy = Proxy.objects.create(person=self.mother, by=self.son, shows_earlier=True)
        self.browser = FamilyClient(headers={"accept-language": "en"})
        sign_in(self.browser, self.son)

    def act(self) -> None:
        self.browser.post(reverse("family_act", args=[self.proxy.pk]))

    def back(self) -> None:
        self.browser.post(reverse("family_back"))

    def send_old(self, address: str, **fields):
        """A form of the page that was opened for the mother, whoever the session is for now."""
        return Client.post(self.browser, address, {FIELD: str(self.mother.pk), **fields})

    def send_own(self, address: str, **fields):
        return Client.post(self.browser, address, fields)


@pytest.fixture
def family() -> Family:
    return Family()


def test_each_page_of_a_booking_for_somebody_names_them_and_so_does_each_form(family):
    slot, later = SlotFactory(), SlotFactory()
    browser = family.browser
    family.act()

    held = browser.post(reverse("hold"), {"slot": slot.pk})
    receipt = browser.post(reverse("confirm"), {"key": key_on(held)}).url
    pages = {
        "hold": held,
        **{name: browser.get(reverse(name)) for name in ("home", "own_place", "eligibility")},
        **{name: browser.get(reverse(name)) for name in ("lookup", "wishes", "confirm", "how")},
        "ticket": browser.get(reverse("ticket", args=[family.hers.ticket_id])),
        "receipt": browser.get(receipt),
        "change": browser.get(f"{receipt}change/"),
        "cancel": browser.get(f"{receipt}cancel/"),
        "lost": browser.post(f"{receipt}change/", {"slot": SlotFactory(full=True).pk}),
        "given up": browser.post(f"{receipt}cancel/", follow=True),
        "list": browser.get(reverse("booking")),
        "part": browser.get(reverse("booking"), headers={"X-Jari-Part": "content"}),
        "clinic": browser.get(reverse("clinic", args=[later.clinic.code])),
        "entry": browser.get(reverse("cancellation_list")),
        "refused": browser.post(reverse("confirm"), {"key": "none"}),
    }

    named = f'name="{FIELD}" value="{family.mother.pk}"'
    for name, response in pages.items():
        shown = page(response)
        assert shown.count("You are booking for 김영희") == 1, name
        forms = FORMS.findall(shown)
        assert forms, name
        assert [form for form in forms if named not in form] == [], name


def test_the_confirmation_is_in_the_language_of_the_person_and_says_so_before(family):
    Person.objects.filter(pk=family.mother.pk).update(language="vi")
    family.act()

    held = family.browser.post(reverse("hold"), {"slot": SlotFactory().pk})
    family.browser.post(reverse("confirm"), {"key": key_on(held)})

    assert "<dt>Who is vaccinated</dt><dd>김영희</dd>" in page(held)
    own = "김영희 gets the confirmation on their own phone, in their own language."
    assert own in page(held)
    assert Reservation.objects.get().language == "vi"
    assert Message.objects.get(kind="confirmed").person_id == family.mother.pk


def test_a_page_for_oneself_names_nobody_and_costs_no_statement(family):
    browser = family.browser
    with CaptureQueriesContext(connection) as before:
        shown = page(browser.get(reverse("how")))
    family.act()
    family.back()
    with CaptureQueriesContext(connection) as after:
        again = page(browser.get(reverse("how")))

    assert f'name="{FIELD}"' not in shown + again
    assert "jari-for" not in shown + again
    assert (len(before), len(after)) == (0, 0)


def test_an_old_page_books_for_nobody_after_going_back_to_oneself(family):
    slot = SlotFactory()
    family.act()
    old = family.browser.get(reverse("booking"))
    family.back()

    answer = family.send_old(reverse("hold"), slot=slots_on(old)[0])

    assert (answer.status_code, heading(answer)) == (403, NOTHING)
    assert "The page you sent was for 김영희." in page(answer)
    assert "You act for yourself now." in page(answer)
    assert not Reservation.objects.exists()
    # The way on is on the page, and there the same time can be held for her.
    go_on = re.search(r'action="(/family/\d+/act/)"', page(answer))[1]
    family.browser.post(go_on)
    family.browser.post(reverse("hold"), {"slot": slot.pk})
    assert Reservation.objects.get().person == family.mother


def test_an_old_page_for_oneself_books_for_nobody_while_acting_for_somebody(family):
    family.act()

    answer = family.send_own(reverse("hold"), slot=SlotFactory().pk)

    assert (answer.status_code, heading(answer)) == (403, NOTHING)
    assert "The page you sent was for yourself." in page(answer)
    assert "You act for 김영희 now." in page(answer)
    assert not Reservation.objects.exists()


ACTS = ["hold", "confirm", "extend", "release", "cancellation_list", "leave_list", "wishes"]


@pytest.mark.parametrize("name", ACTS)
def test_whatever_an_old_page_sends_is_refused(family, name):
    held = ReservationFactory(held=True, person=family.son, admission=family.own)
    family.act()
    family.back()

    answer = family.send_old(reverse(name), key=str(held.key), slot=SlotFactory().pk, extension=1)

    assert heading(answer) == NOTHING
    held.refresh_from_db()
    assert (held.status, held.extensions) == ("held", 0)


@pytest.mark.parametrize("name", ["cancel", "undo", "change"])
def test_an_old_page_changes_no_appointment(family, name):
    reservation = ReservationFactory(person=family.son, admission=family.own)
    family.act()
    family.back()

    answer = family.send_old(reverse(name, args=[reservation.number]), slot=SlotFactory().pk)

    assert heading(answer) == NOTHING
    before, reservation = reservation, Reservation.objects.get()
    assert (reservation.status, reservation.slot_id) == ("confirmed", before.slot_id)


def test_an_old_page_takes_no_place_in_a_line():
    room = make_room()
    son, mother = make_eligible(room), make_eligible(room)
    proxy = Proxy.objects.create(person=mother, by=son)
    browser = FamilyClient(headers={"accept-language": "en"})
    sign_in(browser, son)
    join = reverse("queue_join", args=[room.cohort.code])
    browser.post(reverse("family_act", args=[proxy.pk]))
    browser.post(reverse("family_back"))

    answer = Client.post(browser, join, {FIELD: str(mother.pk)})

    assert heading(answer) == NOTHING
    assert not Ticket.objects.exists()


def test_whoever_may_not_act_for_them_any_more_reads_no_name(family):
    family.act()
    family.back()
    end_proxy(proxy=family.proxy, by=family.mother)

    answer = family.send_old(reverse("hold"), slot=SlotFactory().pk)

    assert "The page you sent was for somebody else." in page(answer)
    assert "김영희" not in page(answer)
    assert "/act/" not in page(answer)


@pytest.mark.parametrize("sent", ["0", "x", "9" * 30, "\0", "-1"])
def test_what_names_nobody_is_refused_too(family, sent):
    slot = SlotFactory()

    answer = Client.post(family.browser, reverse("hold"), {FIELD: sent, "slot": slot.pk})

    assert answer.status_code in (400, 403)
    assert not Reservation.objects.exists()


def test_from_one_to_another_the_way_leads_over_oneself(family):
    father = PersonFactory(name="김철수")
    his = Proxy.objects.create(person=father, by=family.son)
    family.act()
    family.back()
    family.browser.post(reverse("family_act", args=[his.pk]))

    answer = family.send_old(reverse("hold"), slot=SlotFactory().pk)

    assert "The page you sent was for 김영희." in page(answer)
    assert "You act for 김철수 now." in page(answer)
    assert "Go on for 김철수" in page(answer)
    assert reverse("family_back") in page(answer)


def test_letters_language_and_the_way_back_work_from_an_old_page(family):
    family.act()
    family.back()

    answers = [
        family.send_old(reverse("family_back")),
        family.send_old(reverse("set_language"), language="ko", next="/"),
        family.send_old(reverse("letters"), letters="large", next="/"),
    ]

    assert [answer.status_code for answer in answers] == [302] * 3


def test_the_rest_of_the_portal_takes_a_form_of_somebody_signed_out(family):
    family.act()
    end_proxy(proxy=family.proxy, by=family.mother)

    answer = family.send_own(reverse("hold"), slot=SlotFactory().pk)

    assert answer.status_code in (302, 403)
    assert heading(answer) != NOTHING
