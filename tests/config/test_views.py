import logging
import re
import sys
from uuid import UUID

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from config import bridge
from config.logs import MaskedFormatter, MaskPersonalData
from config.settings.base import FileVariables, numbered_keys
from eligibility.sessions import sign_in


def test_healthz_answers_without_asking_anybody(client, django_assert_num_queries):
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_healthz_says_its_charset(client):
    assert client.get("/healthz").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert ("content-type", "text/plain; charset=utf-8") in bridge.alive()[1]


@pytest.mark.django_db
def test_readyz_names_each_part(client):
    response = client.get("/readyz")

    parts = response.json()
    assert response.status_code == 200
    assert (parts["ready"], parts["database"], parts["redis"]) == (True, "ok", "ok")
    assert parts["worker"] == "none"


@pytest.mark.django_db
def test_readyz_stays_ready_without_redis_since_people_can_still_book(client, monkeypatch):
    def gone():
        raise redis.ConnectionError("gone")

    monkeypatch.setattr("outside.redis.client", gone)
    monkeypatch.setattr("outside.jobs.client", gone)

    response = client.get("/readyz")

    parts = response.json()
    assert response.status_code == 200
    assert (parts["redis"], parts["worker"]) == ("unreachable", "unknown")


@pytest.fixture
def no_database(monkeypatch):
    """Every connection of this test goes to a port where nobody listens."""

    def refuse(*_args, **_more):
        raise OperationalError("connection refused")

    for connection in connections.all():
        monkeypatch.setattr(connection, "cursor", refuse)


@pytest.mark.django_db
def test_readyz_is_not_ready_without_the_database(client, no_database):
    response = client.get("/readyz")

    assert (response.status_code, response.json()["database"]) == (503, "unreachable")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/eligibility/"])
def test_without_the_database_the_page_says_that_the_place_is_kept(client, no_database, address):
    signed = HttpResponse()
    sign_in(signed, person_id=1, generation=0)
    client.cookies = signed.cookies

    response = client.get(address)

    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert "자리" in response.content.decode()


@pytest.mark.django_db
def test_what_was_typed_when_the_database_went_away_is_kept_and_sent_again(client, no_database):
    typed = {"channel": "email", "email": "kim@example.org", "note": 'a\n<b> "c"', "password": "p"}

    response = client.post(f"/queue/t/{UUID(int=7)}/tell/?from=here", typed)

    text = response.content.decode()
    assert response.status_code == 503
    assert f'action="/queue/t/{UUID(int=7)}/tell/?from=here"' in text
    kept = re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', text, re.S)
    assert dict(kept) == {
        "channel": "email",
        "email": "kim@example.org",
        "note": "a\n&lt;b&gt; &quot;c&quot;",
    }
    assert "http-equiv" not in text
    assert "/static/jari/again.js" in text


def test_a_worker_that_starts_does_not_log_every_tick(caplog):
    from rq.logutils import setup_loghandlers

    setup_loghandlers("INFO")
    with caplog.at_level(logging.INFO):
        logging.getLogger("rq.worker").info("line: waiting_room.jobs.tick()")
        logging.getLogger("rq.cron").info("Enqueued job tick")
        logging.getLogger("rq.worker").warning("gone")

    assert [record.message for record in caplog.records] == ["gone"]


def test_an_old_form_gets_a_page_that_says_what_to_do():
    client = Client(enforce_csrf_checks=True)

    response = client.post(reverse("identity"), {"name": "홍길동"})

    assert response.status_code == 403
    assert "홍길동" not in response.content.decode()
    assert "<h1" in response.content.decode()


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("sent to 010-1234-5678", "sent to …"),
        ("sent to +821012345678 twice", "sent to … twice"),
        ("born 1969-05-12, asked", "born …, asked"),
        ("born 19690512", "born …"),
        ("sent to kim.min-jun+jab@mail.example.org.", "sent to …"),
        ('"kim@example.org" failed', '"…" failed'),
        ("failed\r\nERROR root forged\x1b[2J", "failed ERROR root forged [2J"),
        ("tick at 2026-11-22 10:00", "tick at 2026-11-22 10:00"),
        ("ticket 4 entered", "ticket 4 entered"),
        ("/offers/3f2a91bc-0f5e-4c1d-9a7b-5d2e8c4f6a10/ is gone", "/offers/3f2a91bc…/ is gone"),
        ("/admin/invitation/MQ/c0ffee-1234abcd/: 400", "/admin/invitation/MQ…/: 400"),
    ],
)
def test_what_looks_personal_never_reaches_a_log(line, masked):
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (line,), None)

    MaskPersonalData().filter(record)

    assert record.getMessage() == masked


A_KEY = "A" * 43 + "="


@pytest.mark.parametrize(
    "text", ["", "1", "1:short", "x:" + "A" * 44, f"0:{A_KEY}", f"1:{A_KEY},1:{A_KEY}"]
)
def test_a_broken_key_stops_the_start_with_a_sentence(text):
    with pytest.raises(ImproperlyConfigured, match="JARI_INDEX_KEYS: "):
        numbered_keys("JARI_INDEX_KEYS", text)


def test_a_variable_may_be_a_file_as_systemd_and_vaults_write_it(tmp_path):
    secret, missing = tmp_path / "secret", tmp_path / "missing"
    secret.write_text("from the vault\n")
    variables = FileVariables(
        {
            "SECRET_KEY": "from the environment",
            "SECRET_KEY_FILE": str(secret),
            "JARI_DATA_KEYS_FILE": str(missing),
            "PORT": "80 ",
        }
    )

    assert variables["SECRET_KEY"] == "from the vault"
    assert variables["PORT"] == "80 "
    with pytest.raises(ImproperlyConfigured, match=r"JARI_DATA_KEYS_FILE: .*missing"):
        variables["JARI_DATA_KEYS"]


def test_a_traceback_is_masked_too():
    try:
        raise ValueError("kim@example.org +821012345678")
    except ValueError:
        text = MaskedFormatter().formatException(sys.exc_info())

    assert text.endswith("ValueError: … …")


def test_apprise_does_not_log_to_whom_it_sent():
    assert not logging.getLogger("apprise").isEnabledFor(logging.INFO)
