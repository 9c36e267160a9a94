"""The authority sets what messages say: with a preview, and with a way back."""

import pytest
from django.urls import reverse

from messaging.enums import Channel
from messaging.models import OwnText
from messaging.wordings import render
from tests.markup import flat
from tests.statements.test_pages import of_role

pytestmark = pytest.mark.django_db


def in_english(role: str):
    client = of_role(role)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def row():
    return OwnText.objects.get(code="code", language="en", channel=Channel.SMS)


@pytest.fixture
def address(row):
    return reverse("admin:messaging_owntext_change", args=[row.pk])


def test_a_text_is_previewed_then_used_then_given_back(row, address):
    client = in_english("authority")
    text = "[Jari] {code} is your code. 예약"

    shown = client.post(address, {"text": text, "_preview": "1"}).content.decode()

    assert "123456 is your code." in shown
    assert "bytes · short message (SMS)" in shown
    row.refresh_from_db()
    assert row.text == ""
    client.post(address, {"text": text})
    assert render("code", Channel.SMS, "en", code="654321") == "[Jari] 654321 is your code. 예약"
    client.post(address, {"_shipped": "1"})
    assert render("code", Channel.SMS, "en", code="1").startswith("[Jari] Your code is 1.")
    history = client.get(reverse("admin:messaging_owntext_history", args=[row.pk]))
    assert text in history.content.decode()


@pytest.mark.parametrize("text", ["no code", "{code} {password}", "{code} {0.x}", "x" * 2000])
def test_a_wrong_text_is_refused_and_stays_typed(row, address, text):
    answer = in_english("authority").post(address, {"text": text})

    assert answer.status_code == 422
    assert text.replace('"', "&quot;") in answer.content.decode()
    row.refresh_from_db()
    assert row.text == ""


def test_letters_that_no_network_carries_are_named(address):
    shown = in_english("authority").post(address, {"text": "您的 {code}", "_preview": "1"})

    assert "arrive as question marks: 您" in flat(shown)


def test_others_do_not_change_it(address):
    assert of_role("operator").post(address, {"text": "{code}"}).status_code == 403
