"""Another language in the middle of a form, without script; and addresses that only take POST."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.models import Offer, Reservation, Wish
from booking.services import cancel_reservation, make_offers
from tests.booking.test_offers import wish
from tests.booking.test_path import heading, page, sign_in
from tests.factories import AdmissionFactory, ClinicFactory, ReservationFactory, SlotFactory

pytestmark = pytest.mark.django_db


class Forms(HTMLParser):
    """A browser's view of a page: its forms, and each button that sends one of them."""

    def __init__(self, response):
        super().__init__()
        self.address = response.request["PATH_INFO"]
        self.inside, self.actions, self.fields, self.buttons = None, {}, {}, []
        self.select = None
        self.feed(page(response))

    def handle_starttag(self, tag, attributes):
        one = dict(attributes)
        form = one.get("form", self.inside)
        if tag == "form":
            self.inside = one.get("id")
            self.actions[self.inside] = one.get("action") or self.address
        elif tag == "input" and form:
            box = one.get("type") in ("radio", "checkbox")
            if not box or "checked" in one:
                value = one.get("value", "on" if box else "")
                self.fields.setdefault(form, []).append((one["name"], value))
        elif tag == "select":
            self.select = one["name"]
        elif tag == "option" and self.select and "selected" in one:
            self.fields.setdefault(form, []).append((self.select, one["value"]))
        elif tag == "button" and form:
            self.buttons.append((form, one))

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = None

    def typed(self, form) -> dict:
        """Its fields, but for the token; a name that stands twice is a list."""
        found: dict = {}
        for name, value in self.fields[form]:
            found.setdefault(name, []).append(value)
        found.pop("csrfmiddlewaretoken", None)
        return found

    def language(self, form) -> tuple[str, str]:
        """Where the language button of this form leads, and to which language."""
        [one] = [button for owner, button in self.buttons if button.get("name") == "language"]
        assert one["form"] == form
        return one["formaction"], one["value"]

    def pressed_by_enter(self, form) -> dict:
        return next(button for owner, button in self.buttons if owner == form)


def switch(client, response, form, **changed):
    """Type something, then press the language button."""
    forms = Forms(response)
    address, language = forms.language(form)
    return client.post(address, {**forms.typed(form), **changed, "language": language})


@pytest.fixture
def inside(client):
    admission = AdmissionFactory()
    client.person = admission.ticket.person
    sign_in(client, client.person)
    return client


def test_the_confirm_page_keeps_what_was_typed_when_the_language_changes(inside):
    slot = SlotFactory()
    shown = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    key = Forms(shown).typed("confirm")["key"]

    english = switch(inside, shown, "confirm", channel="email", email="kim@exam")
    korean = switch(inside, english, "confirm")

    assert (heading(english), heading(korean)) == ("Confirm your time", "예약 내용을 확인해 주세요")
    for answer in (english, korean):
        assert answer.status_code == 200
        assert Forms(answer).typed("confirm") == {
            "key": key,
            "channel": ["email"],
            "email": ["kim@exam"],
        }
    assert inside.cookies["jari_language"].value == "ko"
    assert Reservation.objects.get().status == "held"


def test_after_the_switch_the_form_books_as_before(inside):
    slot = SlotFactory()
    shown = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    english = switch(inside, shown, "confirm", channel="email", email="kim@example.org")

    inside.post(reverse("confirm"), Forms(english).typed("confirm"))

    reservation = Reservation.objects.get()
    assert (reservation.status, reservation.channel, reservation.email, reservation.language) == (
        "confirmed",
        "email",
        "kim@example.org",
        "en",
    )


def test_changing_the_language_after_a_refused_extension_extends_nothing(inside):
    slot = SlotFactory()
    shown = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    Reservation.objects.update(extensions=2)
    until = Reservation.objects.get().held_until
    refused = inside.post(reverse("extend"), Forms(shown).typed("confirm"))
    assert refused.status_code == 409

    english = switch(inside, refused, "confirm", email="x")

    assert heading(english) == "Confirm your time"
    assert Reservation.objects.get().held_until == until


def test_the_form_of_the_cancellation_list_keeps_every_choice(inside):
    clinic = ClinicFactory()
    ClinicFactory(district="서초구")
    shown = inside.get(reverse("cancellation_list"), {"clinic": clinic.code})
    day = f"{timezone.localdate() + timedelta(days=3)}"
    choice = {
        "places": [f"c:{clinic.pk}", "d:서울특별시/서초구"],
        "date_from": [day],
        "date_to": ["tomorrow"],
        "part": ["evening"],
        "leftover": ["on"],
    }

    english = switch(inside, shown, "wish", **choice)
    none = switch(inside, english, "wish", places=[], leftover=[])

    kept = Forms(english).typed("wish")
    assert heading(english) == "Join the cancellation list"
    assert {name: kept[name] for name in choice} == choice
    assert "places" not in Forms(none).typed("wish")
    assert "leftover" not in Forms(none).typed("wish")
    assert not Wish.objects.exists()


def test_the_look_up_keeps_number_and_phone(client):
    shown = client.get(reverse("lookup"))

    english = switch(client, shown, "lookup", number="ABC", phone="010-12")

    assert Forms(english).typed("lookup") == {"number": ["ABC"], "phone": ["010-12"]}
    assert 'lang="en"' in page(english)
    assert "is-wrong" not in page(english)


def test_an_unknown_language_sends_nothing_and_changes_nothing(client):
    answer = client.post(reverse("lookup"), {"language": "xx", "number": "", "phone": ""})

    assert answer.status_code == 422
    assert "jari_language" not in client.cookies


def test_enter_presses_the_pages_own_button_not_the_language(inside):
    slot = SlotFactory()
    shown = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    pages = {
        "confirm": shown,
        "wish": inside.get(reverse("cancellation_list")),
        "lookup": inside.get(reverse("lookup")),
    }

    for form, answer in pages.items():
        button = Forms(answer).pressed_by_enter(form)
        assert not {"name", "formaction", "type"} & button.keys(), form


def test_pages_without_such_a_form_keep_the_plain_switch(client):
    assert re.search(r'<form action="/i18n/setlang/" method="post">', page(client.get("/")))


def test_addresses_that_take_only_post_answer_a_get_with_their_page(inside):
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    waiting = AdmissionFactory()
    wish(waiting)
    cancel_reservation(reservation=reservation, by="citizen")
    make_offers()
    offer = Offer.objects.get()
    sign_in(inside, reservation.person)

    leads = {
        reverse("undo", args=[reservation.number]): f"/reservations/{reservation.number}/",
        reverse("leave_list"): "/booking/list/",
        reverse("decline", args=[offer.token]): f"/offers/{offer.token}/",
        reverse("hold"): "/booking/confirm/",
        reverse("extend"): "/booking/confirm/",
        reverse("release"): "/booking/",
    }

    assert {address: inside.get(address).url for address in leads} == leads
    reservation.refresh_from_db()
    offer.refresh_from_db()
    assert (reservation.status, offer.status) == ("cancelled", "open")
    assert Wish.objects.get(person=waiting.ticket.person).status == "offered"
