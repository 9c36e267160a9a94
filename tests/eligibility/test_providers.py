"""Against a real OpenID provider in a process of its own."""

import base64
import hmac
import json
import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from eligibility.models import Person, ProviderAccount, ProviderAnswer, ProviderTry
from eligibility.providers import Provider, configured
from eligibility.services.providing import Colour, colour_of, lights
from eligibility.sessions import COOKIE
from launcher.processes import free_port
from messaging.models import Message
from outside.openid import Declined, ProviderProblem
from tests.factories import CohortFactory, PersonFactory
from tests.identity_provider import log_in_there, running

pytestmark = pytest.mark.django_db

PEOPLE = {
    "hong": {"name": "홍길동", "birthdate": "1964-05-12", "phone_number": "+82 10-0000-1234"},
    "nameless": {"name": "홍길동"},
}


@pytest.fixture(scope="module")
def issuer():
    with running(PEOPLE) as address:
        yield address


@pytest.fixture(autouse=True)
def _patience(request, monkeypatch):
    """Of the real provider, which answers: a busy machine is no finding."""
    if "issuer" in request.fixturenames:
        monkeypatch.setattr("outside.openid.DOCUMENT_SECONDS", 30)
        monkeypatch.setattr("eligibility.services.exchanges.PAGE_SECONDS", 30)


@pytest.fixture
def certified(settings, issuer):
    return configure(settings, issuer, certified=True)


def configure(settings, issuer: str, **values) -> None:
    settings.PROVIDERS = [
        {
            "code": "national",
            "name_ko": "국가인증",
            "name_en": "National ID",
            "issuer": issuer,
            "client_id": "jari",
            "client_secret": "secret",
            **values,
        }
    ]
    settings.PUBLIC_URL = "http://testserver"
    settings.PROVIDER_SECONDS = 30  # a busy machine is no finding
    caches["local"].clear()


TYPED = {"name": "홍길", "birth_date": "6405", "phone": "010-0000", "next": "/eligibility/"}


def go_there(client) -> str:
    """Press the provider's button; the address the browser is sent to."""
    return client.post("/identity/", {**TYPED, "provider": "national"})["Location"]


def test_a_certified_provider_signs_in_and_certifies(client, certified, contexts):
    CohortFactory(proof="provider")
    known = PersonFactory(name="홍길동", phone="+821000001234")

    back = client.get(log_in_there(go_there(client), "hong"))
    page = client.get("/eligibility/")

    known.refresh_from_db()
    assert back["Location"] == "/eligibility/"
    assert known.certified_at
    assert page.context["possible"]
    assert ProviderTry.objects.get().worked
    assert not Message.objects.exists()


def test_one_subject_is_one_person_also_with_another_phone(client, certified):
    first = PersonFactory(name="홍길동", phone="+821000009999")
    client.get(log_in_there(go_there(client), "hong"))
    declared = Person.objects.exclude(pk=first.pk).get()
    Person.objects.filter(pk=declared.pk).update(phone="+821000005555", phone_index=b"x" * 16)

    client.get(log_in_there(go_there(client), "hong"))

    assert Person.objects.count() == 2
    assert ProviderAccount.objects.get().person == declared


def test_two_people_whom_a_provider_vouches_for_alike_are_told_apart_by_district(client, certified):
    first = PersonFactory(name="홍길동", phone="+821000001234", district="강남구")
    second = PersonFactory(
        name="홍길동", phone="+821000001234", district="종로구", identity_index=b"s" * 16
    )

    back = client.get(log_in_there(go_there(client), "hong"))
    signed_in_early = COOKIE in client.cookies
    elsewhere = client.post("/identity/district/", {"home": "부산광역시|중구"})
    chosen = client.post("/identity/district/", {"home": "서울특별시|종로구"})
    first.refresh_from_db()
    second.refresh_from_db()

    assert (back["Location"], signed_in_early) == ("/identity/district/", False)
    assert (elsewhere.status_code, chosen["Location"]) == (422, "/eligibility/")
    assert ProviderAccount.objects.get().person == second
    assert (first.certified_at, bool(second.certified_at)) == (None, True)


def test_a_social_account_only_spares_typing(client, settings, issuer):
    configure(settings, issuer, certified=False)

    back = client.get(log_in_there(go_there(client), "hong"))
    page = client.get(back["Location"])

    form = page.context["form"]
    assert back["Location"] == "/identity/"
    assert COOKIE not in client.cookies
    assert form["name"].value() == "홍길동"
    assert form["phone"].value() == "010-0000-1234"
    assert not Person.objects.exists()


def test_what_a_certified_provider_does_not_say_is_asked(client, certified):
    page = client.get(client.get(log_in_there(go_there(client), "nameless"))["Location"])

    form = page.context["form"]
    assert form["name"].value() == "홍길동"
    assert form["phone"].value() == TYPED["phone"]
    assert COOKIE not in client.cookies


def test_breaking_off_there_loses_nothing_and_counts_against_nobody(client, certified):
    state = re.search(r"state=([\w-]+)", go_there(client))[1]

    back = client.get(f"/identity/with/national/?error=access_denied&state={state}")
    page = client.get(back["Location"])

    assert {name: page.context["form"][name].value() for name in ("name", "phone")} == {
        "name": TYPED["name"],
        "phone": TYPED["phone"],
    }
    assert page.context["provider_problem"] == ""
    assert not ProviderTry.objects.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda address: re.sub(r"state=[\w-]+", "state=other", address),
        lambda address: re.sub(r"state=[\w-]+", "state=%C3%A9", address),
        lambda address: re.sub(r"code=[\w-]+", "code=other", address),
        lambda address: re.sub(r"\?.*", "", address),
    ],
)
def test_a_forged_answer_signs_nobody_in(client, certified, spoil):
    address = log_in_there(go_there(client), "hong")

    answer = client.get(spoil(address))

    assert answer["Location"] == "/identity/"
    assert COOKIE not in client.cookies
    assert not Person.objects.exists()


def test_an_answer_is_good_for_the_browser_that_asked_only(client, certified, django_user_model):
    address = log_in_there(go_there(client), "hong")
    client.cookies.clear()

    answer = client.get(address)

    assert answer["Location"] == "/identity/"
    assert COOKIE not in client.cookies


def test_an_answer_of_one_provider_is_no_answer_of_another(client, certified, settings):
    """Each has an address of return of its own, and the cookie says who was asked."""
    settings.PROVIDERS = [*settings.PROVIDERS, {**settings.PROVIDERS[0], "code": "other"}]
    address = log_in_there(go_there(client), "hong")
    assert urlsplit(address).path == "/identity/with/national/"

    answer = client.get(address.replace("/national/", "/other/"))

    assert answer["Location"] == "/identity/"
    assert COOKIE not in client.cookies
    assert not Person.objects.exists()


def test_tokens_of_a_provider_are_kept_nowhere(client, certified, monkeypatch):
    tokens: list[str] = []
    call = Provider._call

    def noted(*arguments, **values):
        answer = call(*arguments, **values)
        tokens.extend(answer.get(name, "") for name in ("access_token", "id_token"))
        return answer

    monkeypatch.setattr(Provider, "_call", noted)

    back = client.get(log_in_there(go_there(client), "hong"))

    sent = [token for token in tokens if token]
    assert len(sent) == 2
    shown = str(back.headers) + str(back.cookies) + back.content.decode()
    stored = str([list(model.objects.values()) for model in (ProviderAnswer, ProviderAccount)])
    assert not [token for token in sent if token in shown + stored]


def test_an_answer_is_good_once(client, certified):
    address = log_in_there(go_there(client), "hong")
    client.get(address)
    client.cookies.pop(COOKIE)

    client.get(address)

    assert COOKIE not in client.cookies


RIGHT = {"iss": "https://id.example", "aud": "jari", "nonce": "n", "sub": "hong"}
STRONG = {"acr": ["high", "higher"], "max_age": 300}


@pytest.mark.parametrize(
    ("claims", "believed", "asked"),
    [
        ({}, True, {}),
        ({"aud": ["jari", "other"]}, True, {}),
        ({"iss": "https://other.example"}, False, {}),
        ({"aud": "other"}, False, {}),
        ({"nonce": "other"}, False, {}),
        ({"nonce": None}, False, {}),
        ({"sub": None}, False, {}),
        ({"exp": 1}, False, {}),
        ({"exp": None}, False, {}),
        ({"acr": "high", "auth_time": -200}, True, STRONG),
        ({"acr": "low", "auth_time": -200}, False, STRONG),
        ({"auth_time": -200}, False, STRONG),
        ({"acr": "high", "auth_time": -500}, False, STRONG),
        ({"acr": "high", "auth_time": "x"}, False, STRONG),
        ({"acr": "high"}, False, STRONG),
    ],
)
def test_only_a_token_for_us_of_this_sign_in_is_believed(settings, claims, believed, asked):
    configure(settings, "https://id.example", certified=True, **asked)
    key = RSAKey.generate_key(2048, {"kid": "k"})
    now = int(time.time())
    claims = {**RIGHT, "exp": now + 60, **claims}
    if isinstance(claims.get("auth_time"), int):
        claims["auth_time"] += now  # given as seconds from now: the suite may run for minutes
    token = jwt.encode(
        {"alg": "RS256", "kid": "k"}, {k: v for k, v in claims.items() if v is not None}, key
    )

    try:
        found = configured()["national"]._verified(token, KeySet([key]), nonce="n")["sub"]
    except (JoseError, ValueError):
        found = None

    assert (found == "hong") == believed


def bare(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_signed_by_nobody_or_with_the_public_key_is_not_believed(settings, algorithm):
    configure(settings, "https://id.example", certified=True)
    ours = RSAKey.generate_key(2048, {"kid": "k"})
    claims = {**RIGHT, "exp": int(time.time()) + 60}
    header = {"alg": algorithm, "kid": "k"}
    start = b".".join(bare(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(ours.as_pem(private=False), start, "sha256")
    token = start + b"." + (bare(signature) if algorithm == "HS256" else b"")

    with pytest.raises((JoseError, ValueError)):
        configured()["national"]._verified(token.decode(), KeySet([ours]), nonce="n")


def test_a_dead_provider_turns_its_light_red_and_keeps_what_was_typed(client, settings):
    configure(settings, f"http://127.0.0.1:{free_port()}", certified=True)

    page = client.get(client.post("/identity/", {**TYPED, "provider": "national"})["Location"])

    assert page.context["form"]["name"].value() == TYPED["name"]
    assert page.context["provider_problem"] == "국가인증"
    caches["local"].clear()
    assert [(light.code, light.colour) for light in lights()] == [
        ("phone", Colour.GREY),
        ("national", Colour.RED),
    ]


@pytest.mark.parametrize(
    ("tries", "colour"),
    [
        ([], Colour.GREY),
        ([(True, 0.5)] * 20, Colour.GREEN),
        ([(True, 0.5)] * 19 + [(False, 5.0)], Colour.GREEN),
        ([(True, 0.5)] * 9 + [(False, 5.0)], Colour.AMBER),
        ([(True, 4.0)] * 20, Colour.AMBER),
        ([(True, 12.0)] * 20, Colour.RED),
        ([(True, 0.5)] * 6 + [(False, 5.0)] * 4, Colour.RED),
        ([(False, 0.1)], Colour.RED),
    ],
)
def test_a_light_shows_success_and_speed(tries, colour):
    assert colour_of(tries) == colour


def test_the_light_of_the_phone_code_is_that_of_its_messages(client):
    now = timezone.now()
    for number, status in enumerate(["sent"] * 3 + ["failed"] * 3):
        Message.objects.create(
            key=str(number),
            kind="code",
            channel="sms",
            to="+821000000000",
            text="-",
            status=status,
            created_at=now - timedelta(seconds=30),
            sent_at=now - timedelta(seconds=29) if status == "sent" else None,
        )

    assert lights()[0].colour == Colour.RED


def test_without_providers_the_page_shows_no_lights(client):
    assert client.get("/identity/").context["lights"] == []


@pytest.mark.parametrize(
    ("issuer", "more"), [("http://example.org", {}), ("https://id.example", {"nonsense": 1})]
)
def test_a_wrong_configuration_says_so(settings, issuer, more):
    configure(settings, issuer, **more)

    with pytest.raises(ImproperlyConfigured, match="JARI_PROVIDERS"):
        configured()


@pytest.mark.parametrize("sent", ["é", "s\u0301", "\ud800", ""])
def test_a_state_in_any_letters_is_that_of_another_flow(settings, sent):
    configure(settings, "https://example.org")
    state = {"state": "s", "nonce": "n", "code_verifier": "v"}

    with pytest.raises(Declined):
        configured()["national"].finish({"state": sent}, state=state, redirect_uri="x")


def test_error_text_of_a_provider_stays_in_its_line(settings):
    configure(settings, "https://example.org")
    state = {"state": "s", "nonce": "n", "code_verifier": "v"}

    with pytest.raises(ProviderProblem) as problem:
        configured()["national"].finish(
            {"state": "s", "error": "server_error\r\nERROR root forged kim@example.org"},
            state=state,
            redirect_uri="x",
        )

    assert str(problem.value) == "national: server_errorrootforgedkimexampleorg"
