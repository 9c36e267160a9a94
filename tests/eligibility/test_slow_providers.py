"""Providers that hang, drip, or say what they should not: no page waits for them."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from eligibility.models import Person, ProviderAnswer, ProviderTry
from eligibility.services import exchanges
from eligibility.sessions import COOKIE
from outside.openid import DOCUMENT_SECONDS
from tests.eligibility.test_providers import TYPED, configure
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db

KEY = RSAKey.generate_key(2048, {"kid": "k"})
HONG = {
    "sub": "hong",
    "name": "홍길동",
    "birthdate": "1964-05-12",
    "phone_number": "+82 10-0000-1234",
}


class Stranger(BaseHTTPRequestHandler):
    """Answers at each path as `server.answers` says."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answers = self.server.answers
        answer = answers.get(self.path, answers.get("*"))
        answer(self)

    do_POST = do_GET

    def log_message(self, *args): ...

    def say(self, content, status=200):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)


class Threads(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Stranger)
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.answers = {
            "/.well-known/openid-configuration": lambda request: request.say(self.document()),
            "/jwks": lambda request: request.say({"keys": [KEY.as_dict(private=False)]}),
            "/token": hangs,
        }
        self.nonce = ""

    def document(self, **other) -> dict[str, str]:
        paths = {"authorization_endpoint": "/go", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        addresses = {name: f"{self.address}{path}" for name, path in paths.items()}
        return {"issuer": self.address, **addresses, **other}

    def token(self) -> dict[str, str]:
        claims = {**HONG, "iss": self.address, "aud": "jari", "nonce": self.nonce}
        claims["exp"] = int(time.time()) + 60
        token = jwt.encode({"alg": "RS256", "kid": "k"}, claims, KEY)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


def hangs(request):
    """Takes the connection and says nothing, until it is told to go on."""
    request.server.go_on.wait(60)
    request.say(request.server.token())


def drips(request):
    """A byte now and then: no socket ever times out."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    with suppress(OSError):
        for _byte in range(200):
            request.wfile.write(b" ")
            if request.server.go_on.wait(0.1):
                return


@pytest.fixture
def stranger():
    with Threads() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.go_on.set()
        exchanges.wait_for_all()
        server.shutdown()
        thread.join()


@pytest.fixture
def slow(settings, stranger):
    """A certified provider under a name of its own: its breaker is of this test alone."""
    configure(settings, stranger.address, certified=True, code=f"slow-{stranger.server_port}")
    stranger.code = f"slow-{stranger.server_port}"
    return stranger


def come_back(client, slow) -> str:
    """Where the browser is sent that comes back from the provider."""
    there = client.post("/identity/", {**TYPED, "provider": slow.code})["Location"]
    query = parse_qs(urlsplit(there).query)
    slow.nonce = query["nonce"][0]
    state = query["state"][0]
    return client.get(f"/identity/with/{slow.code}/?code=c&state={state}")["Location"]


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_hangs_is_waited_for_by_a_page_that_refreshes_itself(client, slow):
    person = PersonFactory(name="홍길동", phone="+821000001234")

    waiting = come_back(client, slow)
    pages = [client.get(waiting) for _time in range(3)]
    again = client.get(f"/identity/with/{slow.code}/?code=c&state=s")
    slow.go_on.set()
    exchanges.wait_for_all()
    signed_in = client.get(waiting)

    assert waiting == f"/identity/with/{slow.code}/wait/"
    assert [(page.status_code, page["Refresh"]) for page in pages] == [(200, "2")] * 3
    assert "국가인증" in pages[0].content.decode()
    assert again["Location"] == waiting
    assert signed_in["Location"] == "/eligibility/"
    assert signed_in.cookies[COOKIE].value
    person.refresh_from_db()
    assert person.certified_at
    assert client.get(waiting)["Location"] == "/eligibility/"
    assert (ProviderTry.objects.get().worked, ProviderAnswer.objects.count()) == (True, 0)
    assert slow.asked.count("/token") == 1
    assert exchanges.PAGE_SECONDS < 0.5


@pytest.mark.django_db(transaction=True)
def test_waiting_ends_and_gives_back_what_was_typed(client, slow, clock):
    waiting = come_back(client, slow)
    until = client.get(waiting).context["until"]

    clock.forward(seconds=60)
    end = client.get(waiting)
    page = client.get(end["Location"])

    assert end["Location"] == "/identity/"
    assert until
    assert page.context["form"]["name"].value() == TYPED["name"]
    assert page.context["provider_problem"] == "국가인증"
    assert not ProviderTry.objects.get().worked
    assert client.get(waiting)["Location"] == "/identity/"


@pytest.mark.django_db(transaction=True)
def test_another_browser_cannot_wait_for_it(client, slow):
    waiting = come_back(client, slow)
    slow.go_on.set()
    exchanges.wait_for_all()
    stranger = type(client)()

    assert stranger.get(waiting)["Location"] == "/identity/"
    assert COOKIE not in stranger.cookies


@pytest.mark.django_db(transaction=True)
def test_what_waits_is_not_readable_in_the_database(client, slow):
    from django.db import connection

    come_back(client, slow)
    slow.go_on.set()
    exchanges.wait_for_all()
    with connection.cursor() as cursor:
        cursor.execute("SELECT said FROM eligibility_provideranswer")
        [stored] = cursor.fetchone()

    assert "홍길동".encode() not in bytes(stored)
    assert b"1964" not in bytes(stored)


@pytest.mark.django_db(transaction=True)
def test_a_crowd_before_a_provider_that_hangs_takes_no_thread_of_pages(client, slow, settings):
    """Two find out; then it is left alone, and everybody is back at the form at once."""
    settings.PROVIDER_SECONDS = 0.5
    browsers = [type(client)() for _ in range(12)]

    first = [come_back(browser, slow) for browser in browsers[:2]]
    exchanges.wait_for_all()
    later = [
        browser.post("/identity/", {**TYPED, "provider": slow.code})["Location"]
        for browser in browsers[2:]
    ]

    assert first == [f"/identity/with/{slow.code}/wait/"] * 2
    # The documents are known: people are sent there, and what comes back is not exchanged.
    assert all(address.startswith(slow.address) for address in later)
    answers = [come_back(browser, slow) for browser in browsers[2:]]
    assert answers == ["/identity/"] * 10
    assert slow.asked.count("/token") == 2


def redirected(request):
    request.send_response(302)
    request.send_header("Location", f"{request.server.address}/elsewhere")
    request.end_headers()


@pytest.mark.parametrize(
    "document",
    [
        redirected,
        lambda request: request.say(request.server.document(issuer="https://other.example")),
        lambda request: request.say([1, 2]),
        lambda request: request.say(b"<html>"),
        lambda request: request.say(b" " * 600_000 + b"{}"),
        lambda request: request.say(request.server.document(token_endpoint="http://10.0.0.1/")),
        lambda request: request.say(request.server.document(jwks_uri="https://id.other.example/")),
        lambda request: request.say(request.server.document(authorization_endpoint="//x/y")),
        lambda request: request.say(request.server.document(token_endpoint=7)),
    ],
)
def test_a_provider_is_followed_nowhere_and_speaks_for_itself(client, slow, document):
    slow.answers["/.well-known/openid-configuration"] = document

    back = client.post("/identity/", {**TYPED, "provider": slow.code})

    assert back["Location"] == "/identity/"
    assert slow.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    "token",
    [
        redirected,
        lambda request: request.say({}, status=500),
        lambda request: request.say(b"<html>"),
        lambda request: request.say([]),
        lambda request: request.say({"access_token": "x", "id_token": 7}),
        lambda request: request.say({"access_token": "x", "id_token": "a.b.c"}),
        lambda request: request.say({"error": "invalid_grant\r\nERROR forged"}, status=400),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_wrong_answer_leads_back_to_the_form(client, slow, token, caplog):
    slow.answers["/token"] = token

    back = come_back(client, slow)
    if back != "/identity/":  # on a busy machine
        exchanges.wait_for_all()
        back = client.get(back)["Location"]

    assert back == "/identity/"
    assert client.get(back).context["form"]["name"].value() == TYPED["name"]
    assert not Person.objects.exists()
    assert "\nERROR" not in caplog.text


def test_a_provider_that_drips_is_left_alone_after_two_pages(client, slow):
    slow.answers["/.well-known/openid-configuration"] = drips
    sent = {**TYPED, "provider": slow.code}

    backs = [client.post("/identity/", sent)["Location"] for _time in range(6)]

    assert backs == ["/identity/"] * 6
    assert len(slow.asked) == 2
    assert DOCUMENT_SECONDS < 0.5


def test_a_provider_may_name_further_hosts_of_its_own(client, settings, slow):
    settings.PROVIDERS[0]["hosts"] = ["token.id.example"]
    slow.answers["/.well-known/openid-configuration"] = lambda request: request.say(
        request.server.document(token_endpoint="https://token.id.example/t")
    )

    there = client.post("/identity/", {**TYPED, "provider": slow.code})["Location"]

    assert there.startswith(f"{slow.address}/go?")
