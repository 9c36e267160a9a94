"""Codes: a phone is not flooded, and its owner is not locked out, whoever asks how often."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from eligibility.models import PhoneCode
from eligibility.services.code_limits import FREE_FROM_SOURCE, FREE_TO_PHONE
from eligibility.sessions import COOKIE
from messaging.models import Message
from tests.concurrency import at_once

pytestmark = pytest.mark.django_db

TYPED = {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"}
WORK = {"work": "done"}


@pytest.fixture(autouse=True)
def _work_is_a_word(monkeypatch):
    """Whoever sends it has done the work."""
    monkeypatch.setattr("web.proof_of_work.is_done", lambda payload: payload == "done")


def ask(browser: Client, source: str = "8.8.8.8", **values):
    return browser.post("/identity/", TYPED | values, REMOTE_ADDR=source)


def code_for(browser: Client) -> str:
    """The last code that went out; call it right after asking."""
    return re.search(r"\d{6}", Message.objects.filter(kind="code").latest("pk").text)[0]


def enter(browser: Client, code: str):
    return browser.post("/identity/code/", {"code": code})


def texts() -> int:
    return Message.objects.filter(kind="code").count()


def test_a_stranger_pays_with_work_long_before_the_owner_would():
    attacker = Client()

    asked = [ask(attacker).status_code for _ in range(5)]

    free = FREE_FROM_SOURCE[1]
    assert asked == [302] * free + [422] * (5 - free)
    assert texts() == free


def test_many_sources_share_what_a_phone_takes_for_nothing():
    answers = [ask(Client(), f"8.8.{number}.8").status_code for number in range(8)]

    free = FREE_TO_PHONE[0][1]
    assert answers == [302] * free + [422] * (8 - free)


@pytest.mark.one_moment
def test_a_phone_is_not_flooded_however_much_work_is_done(clock):
    clock.freeze()
    start = timezone.now()
    sent = []
    while timezone.now() < start + timedelta(days=1):
        if ask(Client(), **WORK).status_code == 302:
            sent.append(timezone.now())
        clock.forward(minutes=5)

    most_in_an_hour = max(
        sum(at <= other < at + timedelta(hours=1) for other in sent) for at in sent
    )
    assert most_in_an_hour <= 13
    assert len(sent) <= 20 + 23


def test_the_page_says_from_when_and_that_a_code_still_works():
    browser = Client(headers={"accept-language": "en"})
    for _ in range(10):
        ask(browser, **WORK)

    late = ask(browser, **WORK)

    assert late.status_code == 429
    text = late.content.decode()
    assert re.search(r"the next one can be sent from \d\d:\d\d", text)
    assert "A code that you have already still works" in text


def test_the_owner_uses_a_valid_code_whatever_strangers_ask_for():
    owner = Client()
    ask(owner, "9.9.9.9")
    code = code_for(owner)
    for number in range(15):
        ask(Client(), f"8.8.{number}.8", **WORK)

    entered = enter(owner, code)

    assert entered.status_code == 302
    assert COOKIE in owner.cookies


def test_a_browser_that_proved_the_phone_before_is_not_slowed_by_strangers():
    owner = Client()
    ask(owner, "9.9.9.9")
    enter(owner, code_for(owner))
    owner.post("/identity/sign-out/")
    for number in range(15):
        ask(Client(), f"8.8.{number}.8", **WORK)

    again = ask(owner, "8.8.1.8")

    assert again.status_code == 302
    assert enter(owner, code_for(owner)).status_code == 302


def test_knowing_one_phone_helps_with_no_other():
    attacker = Client()
    ask(attacker, phone="010-0000-9999")
    enter(attacker, code_for(attacker))
    for _ in range(FREE_FROM_SOURCE[1]):
        ask(attacker)

    assert ask(attacker).status_code == 422


def test_codes_that_were_used_count_against_nobody():
    answers = []
    for _ in range(8):
        browser = Client()
        answers.append(ask(browser).status_code)
        enter(browser, code_for(browser))

    assert answers == [302] * 8


def test_one_source_that_asks_for_many_phones_does_work():
    answers = [
        ask(Client(), phone=f"010-0000-{number:04}").status_code for number in range(1000, 1103)
    ]

    assert answers == [302] * 100 + [422] * 3


def test_a_household_of_addresses_is_one_source():
    sources = [f"2001:4860:4860::{number:x}" for number in range(1, 6)]

    answers = [ask(Client(), source).status_code for source in sources]

    assert answers == [302] * 3 + [422] * 2


def test_limits_do_not_need_redis(settings):
    settings.CACHES = {
        **settings.CACHES,
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"},
    }

    assert [ask(Client()).status_code for _ in range(4)] == [302] * 3 + [422]


def test_resending_is_counted_like_asking(clock):
    clock.freeze()
    browser = Client()
    ask(browser)
    answers = []
    for _ in range(6):
        clock.forward(minutes=1)
        answers.append(browser.post("/identity/code/", {"resend": "1"}).status_code)

    assert answers == [302] * 2 + [429] * 4


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_at_once_is_counted():
    at_once([lambda: ask(Client())] * 8)

    assert PhoneCode.objects.count() == FREE_FROM_SOURCE[1]
