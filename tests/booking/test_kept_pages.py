"""Pages of a booking that are kept in parts (web.moulds) are those that their templates render."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from booking.finder import availability
from booking.models import Reservation
from booking.services.visits import mark_arrived
from booking.views import cards
from staff.actors import actor_of
from staff.enums import Role
from tests.booking.test_sessions import Scene
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)
from web import moulds

pytestmark = pytest.mark.django_db

HOSTILE = "의원 <b>&\"' \ue0000\ue001 {{ x }}"
TOKEN = re.compile(r'(csrfmiddlewaretoken" value=")\w+')


@pytest.fixture(autouse=True)
def _no_moulds_yet(monkeypatch):
    monkeypatch.setattr(moulds, "_moulds", {})
    cards._button.cache_clear()


@pytest.fixture
def slot(clock):
    clock.freeze()
    slot = SlotFactory(clinic=ClinicFactory(name=HOSTILE), double=True)
    later = slot.starts_at + timedelta(days=28)
    SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine, starts_at=later)
    return slot


def twins(ask: Callable[..., Any], *args: Any) -> tuple[str, str]:
    """The page as it is kept, and as its template renders it."""
    kept = ask(*args).content.decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moulds, "enabled", False)
        availability.clear_caches()  # they keep what is rendered of a list
        rendered = ask(*args).content.decode()
    return TOKEN.sub(r"\1", kept), TOKEN.sub(r"\1", rendered)


def pages_of(browser: Client) -> dict[str, tuple[str, str]]:
    """All kept pages of a person who books both doses and cancels."""
    listed = twins(browser.get, reverse("booking"))
    chosen = {"slot": re.search(r'name="slot" value="(\d+)"', listed[0])[1]}
    held = twins(browser.post, reverse("hold"), chosen)
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', held[0])[1]
    receipt = browser.post(reverse("confirm"), {"key": key}).url
    booked = twins(browser.get, receipt)
    browser.post(f"{receipt}cancel/")
    cancelled = twins(browser.get, receipt)
    return {"list": listed, "hold": held, "receipt": booked, "cancelled": cancelled}


@pytest.mark.parametrize(
    ("language", "letters", "acting"),
    [("ko", "normal", False), ("en", "large", False), ("ko", "large", True)],
)
def test_a_kept_page_is_the_rendered_one_for_the_next_person_too(slot, language, letters, acting):
    for _person in range(2):
        scene = Scene(acting=acting, slot=slot)
        scene.browser.cookies["jari_language"] = language
        scene.browser.cookies["jari_letters"] = letters

        pages = pages_of(scene.browser)

        assert [name for name, (kept, rendered) in pages.items() if kept != rendered] == []
        for kept, _rendered in pages.values():
            assert f'<html lang="{language}"' in kept
            assert ('class="is-large"' in kept) == (letters == "large")
            assert "&lt;b&gt;&amp;" in kept
    # One for each page, and those of the list's clinics and times: none for each person. A page for
    # somebody else names them in its forms and is rendered.
    pages = {"booking/times.html": 1, "booking/confirm.html": 1, "booking/reservation.html": 2}
    assert Counter(key[0] for key in moulds._moulds) == {
        "booking/components/clinic_card.html": 1,
        "booking/components/slot.html": 1,
        **({} if acting else pages),
    }


def test_what_is_neither_a_text_nor_plain_is_in_no_mould(rf):
    with pytest.raises(TypeError, match="Person can't be part of a page that is kept"):
        moulds.render(rf.get("/"), "base.html", {"person": PersonFactory()})


def test_a_row_of_the_day_is_the_rendered_one_for_the_next_person_too(clock, client):
    clock.at("09:30")
    at = timezone.localtime() + timedelta(minutes=30)
    slot = SlotFactory(clinic=ClinicFactory(name=HOSTILE), starts_at=at)
    born = {"birth_date": date(1963, 10, 26)}
    for name in ("김은란", "<b>&\"' {{ x }}", "김은란", "이수진"):
        ReservationFactory(person=PersonFactory(declared=True, name=name, **born), slot=slot)
    user = StaffFactory(role=Role.CLINIC, clinic=slot.clinic)
    mark_arrived(reservation=Reservation.objects.latest("pk"), by=actor_of(user))
    clock.forward(minutes=50)
    client.force_login(user)

    kept, rendered = twins(client.get, reverse("admin:booking_reservation_day"))

    assert kept == rendered
    assert kept.count('class="visit visit-confirmed is-late"') == 3
    assert kept.count('class="visit visit-arrived"') == 1
    assert kept.count('class="doubles"') == 2
    assert len(re.findall(r'data-visit="(\d+)"', kept)) == 4
