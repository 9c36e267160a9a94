"""Another language in the middle of a form, without script; and addresses that only take POST."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from booking.models import ListEntry, Offer, Reservation
from booking.services.changes import cancel_reservation
from booking.services.offers import make_offers
from tests.booking.test_offers import entry
from tests.booking.test_path import heading, page, sign_in
from tests.factories import AdmissionFactory, ClinicFactory, ReservationFactory, SlotFactory
from tests.forms import Forms, switch

pytestmark = pytest.mark.django_db


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

    english = switch(inside, shown, "entry", **choice)
    none = switch(inside, english, "entry", places=[], leftover=[])

    kept = Forms(english).typed("entry")
    assert heading(english) == "Join the cancellation list"
    assert {name: kept[name] for name in choice} == choice
    assert "places" not in Forms(none).typed("entry")
    assert "leftover" not in Forms(none).typed("entry")
    assert not ListEntry.objects.exists()


def test_the_look_up_keeps_number_and_phone(client):
    shown = client.get(reverse("lookup"))

    english = switch(client, shown, "lookup", number="ABC", phone="010-12")

    assert Forms(english).typed("lookup") == {"number": ["ABC"], "phone": ["010-12"]}
    assert 'lang="en"' in page(english)
    assert "is-wrong" not in page(english)


@pytest.fixture
def database(monkeypatch):
    """A database that `away()` takes from what holds, confirms, cancels and asks, and `back()`."""

    def gone(*_arguments, **_values):
        raise OperationalError("server closed the connection")

    def away():
        monkeypatch.setattr("booking.services.holds.hold_best_slots", gone)
        monkeypatch.setattr("booking.services.reading.in_session", gone)
        monkeypatch.setattr("booking.services.confirmations.confirm_in_session", gone)
        monkeypatch.setattr("booking.services.changes.cancel_reservation", gone)

    return SimpleNamespace(away=away, back=monkeypatch.undo)


def test_an_outage_keeps_the_form_on_a_page_in_both_languages(inside, database):
    typed = {"slot": [str(SlotFactory().pk)], "second": [""]}
    database.away()
    failed = inside.post(reverse("hold"), typed)
    database.back()

    kept = Forms(failed)
    inside.post(kept.actions["again"], kept.typed("again"))

    assert failed.status_code == 503
    assert all(f'<section lang="{language}">' in page(failed) for language in ("ko", "en"))
    assert kept.typed("again") == typed
    assert Reservation.objects.get().slot_id == int(typed["slot"][0])


def test_a_change_of_language_in_an_outage_changes_it_afterwards_and_sends_nothing(
    inside, database
):
    shown = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    database.away()
    failed = switch(inside, shown, "confirm", channel="email", email="me@example.org")
    database.back()

    kept = Forms(failed)
    back = inside.post(kept.actions["again"], kept.typed("again"))

    assert failed.status_code == 503
    assert heading(back) == "Confirm your time"
    assert Forms(back).typed("confirm")["email"] == ["me@example.org"]
    assert Reservation.objects.get().status == "held"


def test_an_unknown_language_sends_nothing_and_changes_nothing(client):
    answer = client.post(reverse("lookup"), {"language": "xx", "number": "", "phone": ""})

    assert answer.status_code == 422
    assert "jari_language" not in client.cookies


def test_enter_presses_the_pages_own_button_not_the_language(inside):
    slot = SlotFactory()
    shown = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    pages = {
        "confirm": shown,
        "entry": inside.get(reverse("cancellation_list")),
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
    entry(waiting)
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
    assert ListEntry.objects.get(person=waiting.ticket.person).status == "offered"
