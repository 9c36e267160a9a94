"""What leaves for a Sentry: where and what kind, and nothing of people."""

import json

import pytest
import sentry_sdk
from django.core.signals import got_request_exception
from django.test import Client
from sentry_sdk.transport import Transport

from config import error_reports
from eligibility import views

NAME, PHONE, BORN = "김서연", "010-1234-5678", "1964-13-05"


class Posted(Transport):
    """Keeps what would be sent."""

    envelopes: list[bytes]

    def __init__(self, options=None) -> None:
        super().__init__(options)
        self.envelopes = []

    def capture_envelope(self, envelope) -> None:
        self.envelopes.append(envelope.serialize())


@pytest.fixture
def posted():
    error_reports.start("https://key@sentry.example.org/1", transport=Posted)
    client = sentry_sdk.get_client()
    yield client.transport
    client.close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.mark.django_db
def test_a_failing_page_reports_its_place_and_nobody(posted, monkeypatch):
    def fail(*_arguments, **_named):
        name, phone = NAME, PHONE  # noqa: F841 - local variables would be sent by default
        raise ValueError(f"DETAIL: Key (name)=({NAME}) {PHONE}")

    monkeypatch.setattr(views, "render", fail)
    client = Client(raise_request_exception=False)
    client.cookies["jari_who"] = "secretcookie"
    # There is no such month: the page is shown again with what was typed.
    typed = {"name": NAME, "birth_date": BORN, "phone": PHONE}

    answer = client.post(f"/identity/?next=/{PHONE}/", typed, headers={"User-Agent": NAME})
    sentry_sdk.flush()

    assert answer.status_code == 500
    text = b"\n".join(posted.envelopes).decode()
    report = next(json.loads(line) for line in text.splitlines() if '"exception"' in line)
    assert report["exception"]["values"][-1]["type"] == "ValueError"
    assert report["tags"] == {"request": answer.headers["X-Request-ID"]}
    assert report["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "fail"
    for secret in (NAME, json.dumps(NAME)[1:-1], "1234", BORN, "secretcookie", "jari_who"):
        assert secret not in text


def test_without_an_address_nothing_is_started():
    handlers = len(got_request_exception.receivers)

    error_reports.start("")

    assert len(got_request_exception.receivers) == handlers
    assert not sentry_sdk.get_client().is_active()
