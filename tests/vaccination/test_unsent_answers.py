"""Answers that come after their session ended: the draft of their person, and of nobody else."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

from database.clock import Now
from eligibility.models import Proxy
from eligibility.sessions import COOKIE
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import PersonFactory, ReservationFactory
from tests.vaccination.answering import HEALTHY, ON_ANTICOAGULANTS, posted, sent, stored
from vaccination.models import QuestionnaireResponse
from vaccination.services.questionnaires import sent_answers

pytestmark = pytest.mark.django_db


@pytest.fixture
def reservation(clock):
    return ReservationFactory()


@pytest.fixture
def address(reservation) -> str:
    return reverse("questions", args=[reservation.number])


@pytest.fixture
def citizen(client, reservation):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    sign_in(client, reservation.person)
    return client


def typed_on(page, reservation, answers=ON_ANTICOAGULANTS, **values) -> dict:
    """What the form of this page sends."""
    return posted(reservation, answers, form=page.context["signed_form"], **values)


def lose_cookie(client):
    del client.cookies[COOKIE]


def end_elsewhere(client):
    """By a copy of the cookie, so that this browser still has its own."""
    other = Client()
    other.cookies[COOKIE] = client.cookies[COOKIE].value
    other.post(reverse("identity_sign_out"))


def sign_in_another(client):
    sign_in(client, PersonFactory())


@pytest.mark.parametrize("end", [lose_cookie, end_elsewhere, sign_in_another])
@pytest.mark.parametrize("button", [{}, {"draft": "1"}, {"language": "en"}], ids=str)
def test_what_comes_after_the_session_waits_for_its_person(
    citizen, reservation, address, end, button, caplog
):
    typed = typed_on(citizen.get(address), reservation, **button)
    end(citizen)

    with caplog.at_level(logging.DEBUG):
        away = citizen.post(address, typed)
    identity = citizen.get(away.url)
    sign_in(citizen, reservation.person)
    back = citizen.get(identity.context["next"])

    assert away.status_code == 302
    assert "What you filled in is saved." in identity.content.decode()
    assert sent_answers(stored(reservation)) is None
    assert back.context["form"]["q_bleeding_detail"].value() == "와파린"
    assert "Saved, not sent yet." in back.content.decode()
    assert "와파린" not in caplog.text + str(away.cookies) + away.url


def test_nobody_else_sees_it(citizen, reservation, address):
    typed = typed_on(citizen.get(address), reservation)
    sign_in_another(citizen)

    pages = [citizen.post(address, typed, follow=True), citizen.get(address, follow=True)]
    lose_cookie(citizen)
    pages.append(citizen.get(address, follow=True))

    for page in pages:
        assert page.resolver_match.view_name in {"identity", "lookup"}
        assert "와파린" not in page.content.decode()


def test_the_form_stores_for_its_reservation_alone(citizen, reservation, address):
    typed = typed_on(citizen.get(address), reservation)
    other = reverse("questions", args=[ReservationFactory().number])
    lose_cookie(citizen)

    for form in ("", "x", typed["form"][:-1] + "_", typed["form"].replace(":", "")):
        citizen.post(address, {**typed, "form": form})
    citizen.post(address, {"form": typed["form"], "version": "1"})
    assert not QuestionnaireResponse.objects.exists()
    # The value names the reservation, whatever the address.
    citizen.post(other, typed)
    assert [row.reservation for row in QuestionnaireResponse.objects.all()] == [reservation]


def test_the_form_stores_nothing_after_a_day(citizen, reservation, address, clock):
    typed = typed_on(citizen.get(address), reservation)
    lose_cookie(citizen)

    clock.forward(hours=25)
    citizen.post(address, typed)

    assert not QuestionnaireResponse.objects.exists()


def test_sent_answers_stand_beside_it(citizen, reservation, address):
    sent(reservation, HEALTHY)
    typed = typed_on(citizen.get(f"{address}?change"), reservation)
    lose_cookie(citizen)

    citizen.post(address, typed)

    assert sent_answers(stored(reservation)) == HEALTHY


def test_without_any_cookie_it_is_kept_and_the_form_refused(citizen, reservation, address):
    typed = typed_on(citizen.get(address), reservation)

    answer = Client(enforce_csrf_checks=True).post(address, typed)

    assert answer.status_code == 403
    assert citizen.get(address).context["form"]["q_bleeding_detail"].value() == "와파린"


@pytest.mark.parametrize("ended", [False, True])
def test_a_proxy_who_is_none_any_more_stores_nothing(reservation, address, ended):
    client = FamilyClient()
    by = PersonFactory()
    proxy = Proxy.objects.create(
        person=reservation.person, by=by, agreed_by="phone", shows_earlier=True
    )
    sign_in(client, reservation.person, by_id=by.pk)
    typed = typed_on(client.get(address), reservation)
    lose_cookie(client)
    if ended:
        Proxy.objects.filter(pk=proxy.pk).update(ended_at=Now(), ended_by=by)

    client.post(address, typed)

    assert list(QuestionnaireResponse.objects.values_list("proxy_id", flat=True)) == (
        [] if ended else [by.pk]
    )
