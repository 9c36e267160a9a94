"""A session that has ended opens no page of booking, from its end on and whoever acts in it."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booking.models import Reservation, Slot
from eligibility import sessions
from eligibility.models import Proxy
from eligibility.services.family import end_proxy
from eligibility.services.signing_out import sign_out_everywhere
from tests.booking.test_path import key_on, page
from tests.eligibility.signing_in import FamilyClient
from tests.factories import AdmissionFactory, PersonFactory, SlotFactory
from tests.holding import hold_slot

pytestmark = pytest.mark.django_db


class Scene:
    """A person with an admission and a held first dose of two, and the browser of who acts."""

    def __init__(self, *, acting: bool, slot: Slot | None = None):
        self.admission = AdmissionFactory()
        self.person = self.admission.ticket.person
        self.mother = PersonFactory()
        self.proxy = Proxy.objects.create(person=self.person, by=self.mother, shows_earlier=True)
        self.slot = slot or SlotFactory(double=True)
        self.acting = acting
        self.browser = self.new_browser()

    def new_browser(self) -> Client:
        browser, response = FamilyClient(headers={"accept-language": "en"}), HttpResponse()
        by = {"by_id": self.mother.pk} if self.acting else {}
        sessions.sign_in(response, person_id=self.person.pk, **by)
        browser.cookies[sessions.COOKIE] = response.cookies[sessions.COOKIE].value
        return browser

    def hold(self) -> Reservation:
        [held] = hold_slot(
            person_id=self.person.pk, slot_id=self.slot.pk, admission_id=self.admission.pk
        )
        return held

    def book(self) -> Reservation:
        self.browser.post(reverse("confirm"), {"key": self.hold().key})
        return Reservation.objects.get()


Ask = Callable[[Client, Scene, Reservation], HttpResponse]


def get(name: str, of: str = "") -> Ask:
    def ask(browser: Client, scene: Scene, reservation: Reservation | None):
        parts = {"clinic": [scene.slot.clinic.code], "number": [getattr(reservation, "number", "")]}
        return browser.get(reverse(name, args=parts.get(of, [])))

    return ask


def post(name: str, of: str = "") -> Ask:
    def ask(browser: Client, scene: Scene, reservation: Reservation | None):
        args = [reservation.number] if of else []
        form = {"slot": scene.slot.pk, "key": getattr(reservation, "key", "")}
        return browser.post(reverse(name, args=args), form)

    return ask


# Asked of nobody in particular, beside a hold, and of an appointment: and what strangers get there.
INSIDE, IDENTITY, LOOK_UP = 403, "/identity/?next=", "/reservations/?number="
PAGES = {
    "booking": ("nothing", get("booking"), INSIDE),
    "clinic": ("nothing", get("clinic", "clinic"), INSIDE),
    "hold": ("nothing", post("hold"), INSIDE),
    "list": ("nothing", get("cancellation_list"), IDENTITY),
    "second": ("held", get("second"), IDENTITY),
    "held": ("held", get("confirm"), IDENTITY),
    "confirm": ("held", post("confirm"), IDENTITY),
    "extend": ("held", post("extend"), IDENTITY),
    "release": ("held", post("release"), "/booking/"),
    "receipt": ("booked", get("reservation", "number"), LOOK_UP),
    "cancel": ("booked", post("cancel", "number"), LOOK_UP),
    "change": ("booked", get("change", "number"), LOOK_UP),
    "calendar": ("booked", get("calendar", "number"), LOOK_UP),
}


def sign_out_here(scene: Scene) -> None:
    """As the browser itself would; its cookie was copied before."""
    claim = sessions.read_cookie(scene.browser.cookies[sessions.COOKIE].value)
    sessions.end_session(sessions.find_session(claim))


# Each in a session of its own kind: whether somebody acts for the person, and what ends it.
ENDS = {
    "signed out": (False, lambda scene: sign_out_everywhere(scene.person.pk)),
    "person signed out": (True, lambda scene: sign_out_everywhere(scene.person.pk)),
    "proxy signed out": (True, lambda scene: sign_out_everywhere(scene.mother.pk)),
    "signed out here": (False, sign_out_here),
    "proxy signed out here": (True, sign_out_here),
    "proxy ended": (True, lambda scene: end_proxy(proxy=scene.proxy, by=scene.person)),
}


def answer_of(response) -> tuple[int, str]:
    return response.status_code, response.headers.get("Location", "")


def is_refused(response, refusal: int | str) -> bool:
    status, location = answer_of(response)
    return status == refusal or (status == 302 and location.startswith(str(refusal)))


@pytest.mark.parametrize("ended", ENDS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_closed_from_the_end_of_the_session_on(name, ended):
    beside, ask, refusal = PAGES[name]
    acting, end = ENDS[ended]
    scene = Scene(acting=acting)
    reservation = {"nothing": lambda: None, "held": scene.hold, "booked": scene.book}[beside]()
    before = list(Reservation.objects.values())

    end(scene)
    closed = ask(scene.browser, scene, reservation)

    assert is_refused(closed, refusal), answer_of(closed)
    assert scene.slot.clinic.name not in page(closed)
    assert list(Reservation.objects.values()) == before
    scene.acting = False
    opened = ask(scene.new_browser(), scene, reservation)
    if name == "release":
        assert Reservation.objects.get().status == "released"
    else:
        assert not is_refused(opened, refusal), answer_of(opened)


def test_what_was_typed_waits_for_whoever_was_signed_out_meanwhile():
    scene = Scene(acting=False)
    held = scene.hold()
    sign_out_everywhere(scene.person.pk)

    typed = {"key": held.key, "channel": "email", "email": "a@example.org"}
    answer = scene.browser.post(reverse("confirm"), typed)

    assert answer.headers["Location"] == "/identity/?next=%2Fbooking%2Fconfirm%2F"
    assert "a@example.org" in page(scene.new_browser().get(reverse("confirm")))


def test_who_acts_sees_what_was_held_since_the_yes_alone():
    scene = Scene(acting=True)
    scene.hold()
    Proxy.objects.update(shows_earlier=False, declared_at=timezone.now())

    shown = page(scene.browser.get(reverse("confirm")))

    assert scene.slot.clinic.name not in shown
    assert Reservation.objects.get().status == "held"


def test_who_acts_books_in_as_few_statements_as_the_person():
    asked = {acting: statements_of_a_booking(Scene(acting=acting)) for acting in (False, True)}

    # The name on each of the three pages, and the language that the person is written to in.
    assert asked[True] == asked[False] + 3 + 1


def statements_of_a_booking(scene: Scene) -> int:
    scene.browser.get(reverse("booking"))  # fills the caches of the finder
    with CaptureQueriesContext(connection) as statements:
        scene.browser.get(reverse("booking"))
        held = scene.browser.post(reverse("hold"), {"slot": scene.slot.pk})
        booked = scene.browser.post(reverse("confirm"), {"key": key_on(held)})
        receipt = scene.browser.get(booked.headers["Location"])
    assert receipt.status_code == 200
    return len([row for row in statements if "SAVEPOINT" not in row["sql"]])
