import base64
import json

import altcha
import pytest
from django.test import RequestFactory

from eligibility.limits import client_address
from eligibility.models import PhoneCode
from web import proof_of_work

pytestmark = pytest.mark.django_db

TYPED = {"name": "김시험", "birth_date": "640512"}
CARRIER = {"REMOTE_ADDR": "1.2.3.4"}


def phone(number: int) -> str:
    return f"010-0000-{number:04}"


def solve(challenge: str) -> str:
    solved = altcha.solve_challenge(altcha.Challenge.from_dict(json.loads(challenge)))
    payload = {"challenge": json.loads(challenge), "solution": solved.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


@pytest.fixture
def _low_limit(settings):
    settings.ADDRESS_LIMIT = "3/5m"


@pytest.fixture
def _short_work(monkeypatch):
    monkeypatch.setattr(proof_of_work, "_COST", 1)
    monkeypatch.setattr(proof_of_work, "_LEAST", 5)
    monkeypatch.setattr(proof_of_work, "_SPREAD", 5)


@pytest.mark.usefixtures("_low_limit", "_short_work")
def test_above_the_limit_of_an_address_work_is_asked_for_and_enough(client):
    first = [
        client.post("/identity/", {**TYPED, "phone": phone(n)}, **CARRIER).status_code
        for n in range(3)
    ]
    asked = client.post("/identity/", {**TYPED, "phone": phone(9)}, **CARRIER)
    payload = solve(asked.context["challenge"])
    done = client.post("/identity/", {**TYPED, "phone": phone(9), "work": payload}, **CARRIER)
    again = client.post("/identity/", {**TYPED, "phone": phone(8), "work": payload}, **CARRIER)

    assert first == [302] * 3
    assert asked.status_code == 422
    assert asked.context["form"]["phone"].value() == phone(9)
    assert done.status_code == 302
    assert again.status_code == 422, "one answer, one code"


@pytest.mark.usefixtures("_low_limit")
def test_without_scripts_a_minute_of_patience_is_enough(client, clock):
    for number in range(3):
        client.post("/identity/", {**TYPED, "phone": phone(number)}, **CARRIER)
    clock.freeze()
    asked = client.post("/identity/", {**TYPED, "phone": phone(9)}, **CARRIER)
    typed = {**TYPED, "phone": phone(9), "wait": asked.context["wait"]}
    too_soon = client.post("/identity/", typed, **CARRIER)
    clock.forward(minutes=1)
    other_phone = client.post("/identity/", {**typed, "phone": phone(8)}, **CARRIER)
    patient = client.post("/identity/", typed, **CARRIER)
    repeated = client.post("/identity/", typed, **CARRIER)

    answers = [too_soon, other_phone, patient, repeated]
    assert [answer.status_code for answer in answers] == [422, 422, 302, 422]


@pytest.mark.usefixtures("_low_limit", "_short_work")
@pytest.mark.parametrize("spoil", ["", "x", "e30=", "[]", "A" * 5000])
def test_made_up_work_is_refused(client, spoil):
    for number in range(3):
        client.post("/identity/", {**TYPED, "phone": phone(number)}, **CARRIER)

    asked = client.post("/identity/", {**TYPED, "phone": phone(9), "work": spoil}, **CARRIER)

    assert asked.status_code == 422
    assert PhoneCode.objects.count() == 3


@pytest.mark.usefixtures("_short_work")
def test_work_on_somebody_elses_challenge_or_a_late_one_is_refused(clock):
    stranger = altcha.create_challenge("PBKDF2/SHA-256", 1, counter=5, hmac_secret="theirs")
    late = proof_of_work.new_challenge()
    clock.forward(minutes=11)

    assert not proof_of_work.is_done(solve(json.dumps(stranger.to_dict())))
    assert not proof_of_work.is_done(solve(late))
    assert proof_of_work.is_done(solve(proof_of_work.new_challenge()))


@pytest.mark.usefixtures("_low_limit")
def test_our_own_proxy_is_not_taken_for_a_crowd(client):
    answers = [
        client.post("/identity/", {**TYPED, "phone": phone(n)}).status_code for n in range(6)
    ]

    assert answers == [302] * 6


@pytest.mark.parametrize(
    ("hops", "remote", "forwarded", "address"),
    [
        (0, "1.2.3.4", "8.8.8.8", "1.2.3.4"),
        (1, "10.0.0.1", "8.8.8.8, 1.2.3.4", "1.2.3.4"),
        (2, "10.0.0.1", "8.8.8.8, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (1, "10.0.0.1", "", None),
        (2, "10.0.0.1", "1.2.3.4", None),
        (1, "10.0.0.1", "nonsense", None),
        (0, "127.0.0.1", "", None),
        (0, "2001:4860:4860::8888", "", "2001:4860:4860::"),
    ],
)
def test_the_callers_address_is_what_our_own_proxies_saw(
    settings, hops, remote, forwarded, address
):
    settings.PROXIES = hops
    request = RequestFactory().get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address
