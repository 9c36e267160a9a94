"""Proving who one is in the event loop: as by the views, in answers and rows, or left to them."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from redis import RedisError

from config.bridge import WsgiBridge
from config.identity_pages import IdentityPages
from config.lanes import Threads
from config.own_pages import cohorts
from database import links
from database.links import Links, Transaction
from eligibility import limits
from eligibility.code_pages import open_attempt
from eligibility.enums import Proof
from eligibility.models import CohortChange, Decision, Person, PhoneCode
from eligibility.services.code_limits import FREE_TO_PHONE
from eligibility.services.decisions import store_decisions
from eligibility.services.identity import MOST_TRIES
from eligibility.sessions import COOKIE, read_cookie
from events.models import RecordedEvent
from messaging import background
from messaging.budget import codes_are_above_budget
from messaging.models import Message
from messaging.wordings import forget_kept, keep_own_texts
from outside import jobs
from tests.booking.test_fast_path import SAME_SITE, in_a_loop, shown
from tests.eligibility.signing_in import sign_in
from tests.factories import CohortFactory, PersonFactory
from tests.waiting_room.test_batched_joins import Answer, Request

pytestmark = pytest.mark.django_db(transaction=True)

FORM, CODE = "/identity/", "/identity/code/"
HONG = {"name": "홍길동", "birth_date": date(1964, 5, 12), "phone": "+821000001234"}
TYPED = {"name": "홍길동", "birth_date": "640512", "phone": "010-0000-1234", "next": "/mine/"}


@pytest.fixture(autouse=True)
def _one_moment(clock, monkeypatch):
    clock.freeze()
    cohorts.clear()
    # Longer than a second, which a busy machine may need for less than a test.
    monkeypatch.setattr(cohorts, "_seconds", 600)
    # Known to this process for some seconds.
    keep_own_texts()
    codes_are_above_budget()


def browser_of(language: str = "ko", **cookies: str) -> Client:
    browser = Client(headers={"accept-language": language, "sec-fetch-site": "same-origin"})
    browser.cookies.load({"csrftoken": "t" * 32, **cookies})
    return browser


def environ_of(
    browser: Client, path: str, form: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    factory = RequestFactory(headers={"accept-language": browser.defaults["HTTP_ACCEPT_LANGUAGE"]})
    factory.cookies = browser.cookies
    if form is None:
        return factory.get(path, **more).environ
    kind = more.pop("content_type", "application/x-www-form-urlencoded")
    environ = factory.post(path, urlencode(form), kind, **(SAME_SITE | more)).environ
    return environ | {"wsgi.input": io.BytesIO(urlencode(form).encode())}


def answers_to(*environs: dict[str, Any], connections: int = 8) -> list[HttpResponse | None]:
    """The fast path's own answers to requests that come at once."""

    async def all_at_once() -> list[HttpResponse | None]:
        pages = IdentityPages(Links(connections))
        try:
            return list(await asyncio.gather(*(pages(environ) for environ in environs)))
        finally:
            await pages.close()

    return in_a_loop(all_at_once)


def fast(browser: Client, path: str, form: dict[str, Any] | None = None, **more: Any) -> Any:
    """As a browser: cookies of the answer are kept."""
    [answer] = answers_to(environ_of(browser, path, form, **more))
    if answer:
        browser.cookies.update(answer.cookies)
    return answer


def attempt(browser: Client) -> PhoneCode:
    request = RequestFactory().get("/")
    request.COOKIES = {name: cookie.value for name, cookie in browser.cookies.items()}
    return PhoneCode.objects.get(pk=open_attempt(request)[0])


def code_of(browser: Client) -> str:
    challenge = attempt(browser)
    text = Message.objects.get(key=f"code:{challenge.pk}:{challenge.sends}").text
    return re.search(r"\b\d{6}\b", text)[0]


def wrong(browser: Client) -> str:
    return f"{(int(code_of(browser)) + 1) % 1_000_000:06}"


def alike(answer: HttpResponse) -> Any:
    """What is shown, without signatures and what was typed."""
    status, headers, text, cookies = shown(answer)
    apart = [{**cookie, "value": bool(cookie["value"])} for cookie in cookies]
    text = re.sub(r"010-\S+123\d|(?<=value=\")\d{6}", "", text)
    return status, headers, text, [list(answer.cookies), apart]


def rows() -> list[Counter[str]]:
    """All that an identity writes, without what is random in it."""
    apart = {"id", "key", "code_hash", "text", "person_id", "roster_key", "tried_at"}
    apart |= {"phone", "phone_index", "identity_index", "to", "created_at", "at", "sent_at"}
    return [
        Counter(
            str({name: value for name, value in row.items() if name not in apart})
            for row in model.objects.values()
        )
        for model in (PhoneCode, Message, Person, Decision, RecordedEvent)
    ]


def declared_before(phone: str) -> None:
    store_decisions(person=PersonFactory(**HONG | {"phone": phone}, declared=True))


def decided_before(phone: str) -> None:
    store_decisions(person=PersonFactory(**HONG | {"phone": phone}))


def among_others(phone: str) -> None:
    PersonFactory(**HONG | {"phone": phone})
    PersonFactory(phone=phone)
    PersonFactory(phone=phone, declared=True)


PEOPLE: dict[str, Callable[[str], Any]] = {
    "new": lambda phone: None,
    "on the roster": lambda phone: PersonFactory(**HONG | {"phone": phone}),
    "by another spelling": lambda phone: PersonFactory(
        **HONG | {"phone": phone, "name": "길동 홍"}
    ),
    "decided before": decided_before,
    "declared before": declared_before,
    "among others of the phone": among_others,
}


@pytest.mark.parametrize(("language", "proof"), [("ko", Proof.ROSTER), ("en", Proof.COUNTER)])
@pytest.mark.parametrize("who", PEOPLE)
def test_answers_and_rows_are_those_of_the_views(who, language, proof):
    CohortFactory(proof=proof)
    CohortFactory(proof=Proof.ROSTER, soon=True)
    CohortFactory(proof=proof, closed=True)
    phones = ["+821000001234", "+821000001235"]
    for phone in phones:
        PEOPLE[who](phone)
    one, other = browser_of(language), browser_of(language)
    before = rows()

    asked = fast(one, FORM, TYPED)
    between = rows()
    asked_view = other.post(FORM, {**TYPED, "phone": "010-0000-1235"})
    assert alike(asked) == alike(asked_view)
    assert asked.headers["Location"] == CODE
    page, page_view = fast(one, CODE), other.get(CODE)
    assert alike(page) == alike(page_view)
    checked = fast(one, CODE, {"code": code_of(one)})
    checked_view = other.post(CODE, {"code": code_of(other)})

    assert alike(checked) == alike(checked_view)
    assert (checked.status_code, checked.headers["Location"]) == (302, "/mine/")
    assert between[0].total() == before[0].total() + 1
    for table, was in zip(rows(), before, strict=True):
        added = table - was
        assert all(count % 2 == 0 for count in added.values()), added
    [first, second] = [
        Person.objects.get(pk=read_cookie(browser.cookies[COOKIE].value).person_id)
        for browser in (one, other)
    ]
    assert [first.phone, second.phone] == phones
    assert first.source == second.source
    assert first.language == language
    assert one.get("/eligibility/").status_code == 200


def test_a_whole_identity_is_six_trips_to_the_database(monkeypatch):
    CohortFactory(proof=Proof.COUNTER)
    trips: list[str] = []
    run, rows_of = Transaction._run, links._rows
    monkeypatch.setattr(
        Transaction, "_run", lambda *args, **more: trips.append("some") or run(*args, **more)
    )
    monkeypatch.setattr(links, "_rows", lambda *args: trips.append("one") or rows_of(*args))
    browser = browser_of()

    def through() -> dict[str, int]:
        taken = {}
        for name, path, form in (
            ("form", FORM, TYPED), ("code", CODE, None), ("check", CODE, "code"),
        ):  # fmt: skip
            values = {"code": code_of(browser)} if form == "code" else form
            trips.clear()
            assert fast(browser, path, values)
            taken[name] = len(trips)
        return taken

    assert through() == {"form": 2, "code": 1, "check": 3}


def sent(browser: Client) -> Client:
    assert fast(browser, FORM, TYPED).status_code == 302
    return browser


def test_a_wrong_code_is_refused_as_by_the_view_and_counted():
    one, other = sent(browser_of("en")), browser_of("en")
    other.post(FORM, {**TYPED, "phone": "010-0000-1235"})

    for tried in range(1, MOST_TRIES + 2):
        refused = fast(one, CODE, {"code": wrong(one)})
        viewed = other.post(CODE, {"code": wrong(other)})

        assert alike(refused) == alike(viewed)
        assert refused.status_code == viewed.status_code == 422
        assert attempt(one).tries == attempt(other).tries == min(tried, MOST_TRIES)
    assert fast(one, CODE, {"code": code_of(one)}).status_code == 422
    assert not Person.objects.exists()


def test_twenty_guesses_at_once_are_five_tries():
    browser = sent(browser_of())
    right = int(code_of(browser))
    guesses = [f"{(right + number) % 1_000_000:06}" for number in range(1, 21)]

    answers = answers_to(
        *(environ_of(browser, CODE, {"code": code}) for code in guesses), connections=20
    )

    assert [answer.status_code for answer in answers] == [422] * 20
    assert attempt(browser).tries == MOST_TRIES
    assert fast(browser, CODE, {"code": code_of(browser)}).status_code == 422


def test_a_right_code_at_once_from_everywhere_counts_once():
    browser = sent(browser_of())
    environs = [environ_of(browser, CODE, {"code": code_of(browser)}) for _number in range(8)]

    answers = answers_to(*environs)

    assert Counter(answer.status_code for answer in answers) == {302: 1, 422: 7}
    assert Person.objects.count() == RecordedEvent.objects.count() == 1


def test_first_sign_ins_of_one_person_at_once_make_one_person_whatever_the_spelling():
    browsers = []
    for name in ("Hong Gildong", "Gildong Hong", "HONG GIL DONG", "hong gildong"):
        browser = browser_of()
        assert fast(browser, FORM, TYPED | {"name": name}).status_code == 302
        browsers.append(browser)

    answers = answers_to(
        *(environ_of(browser, CODE, {"code": code_of(browser)}) for browser in browsers)
    )

    assert [answer.status_code for answer in answers] == [302] * 4
    assert Person.objects.count() == 1


def test_before_a_code_is_right_nobody_is_looked_up(monkeypatch):
    PersonFactory(**HONG)
    browser = sent(browser_of())
    texts: list[str] = []
    run = Transaction._run
    monkeypatch.setattr(
        Transaction, "_run", lambda self, found, **more: texts.extend(sql for sql, _values in found)
        or run(self, found, **more),
    )  # fmt: skip

    fast(browser, CODE, {"code": wrong(browser)})

    tables = [re.search(r"eligibility_\w+", text)[0] for text in texts]
    assert tables == ["eligibility_phonecode"] * 2


def ask_often(browser: Client) -> None:
    for _number in range(FREE_TO_PHONE[0][1]):
        assert fast(browser_of(), FORM, TYPED)


LEFT_FORMS: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[Client], Any] | None]] = {
    "of another site": ({}, {"HTTP_SEC_FETCH_SITE": "cross-site"}, None),
    "of an old browser": ({}, {"HTTP_SEC_FETCH_SITE": ""}, None),
    "of another kind": ({}, {"content_type": "text/plain"}, None),
    "for another host": ({}, {"HTTP_HOST": "exa mple"}, None),
    "with a mistake": ({"phone": "1"}, {}, None),
    "by a provider": ({"provider": "any"}, {}, None),
    "in another language": ({"language": "en"}, {}, None),
    "with work": ({"work": "done"}, {}, None),
    "too often": ({}, {}, ask_often),
    "signed in": ({}, {}, lambda browser: sign_in(browser, PersonFactory())),
    "texts not known": ({}, {}, lambda _browser: forget_kept()),
    "budget not known": ({}, {}, lambda _browser: caches["local"].delete("codes-above-budget")),
    "above budget": ({}, {}, lambda _browser: caches["local"].set("codes-above-budget", True)),
}


@pytest.mark.parametrize("why", LEFT_FORMS)
def test_an_unusual_form_is_left_to_the_view(why):
    typed, more, prepare = LEFT_FORMS[why]
    browser = browser_of()
    if prepare:
        prepare(browser)
    before = PhoneCode.objects.count(), Message.objects.count()

    assert fast(browser, FORM, TYPED | typed, **more) is None
    assert (PhoneCode.objects.count(), Message.objects.count()) == before


def of_a_household(browser: Client) -> None:
    CohortFactory(proof=Proof.COUNTER)
    PersonFactory(phone=HONG["phone"], declared=True)


def grown_since(browser: Client) -> None:
    cohort = CohortFactory()
    store_decisions(person=PersonFactory(**HONG))
    type(cohort).objects.update(closes_at=cohort.closes_at + timedelta(days=1))


LEFT_CODES: dict[str, Callable[[Client], Any]] = {
    "of two people of one name": lambda _browser: [
        PersonFactory(**HONG), PersonFactory(**HONG | {"name": "홍 길동"}, identity_index=b"1" * 16)
    ],
    "who would be one too many at a phone": of_a_household,
    "whose decision grows": grown_since,
    "signed in": lambda browser: sign_in(browser, PersonFactory()),
    "without a try": lambda browser: browser.cookies.pop("jari_code"),
    "with a made-up cookie": lambda browser: browser.cookies.load({"jari_code": "made-up"}),
    "purged": lambda _browser: PhoneCode.objects.all().delete(),
}  # fmt: skip


@pytest.mark.parametrize("why", LEFT_CODES)
def test_an_unusual_right_code_is_left_to_the_view_with_nothing_changed(why):
    browser = sent(browser_of())
    code = code_of(browser)
    LEFT_CODES[why](browser)
    before = rows()

    assert fast(browser, CODE, {"code": code}) is None
    assert rows() == before
    assert browser.post(CODE, {"code": code}).status_code == 302


def test_a_code_in_letters_or_sent_again_is_left_to_the_view():
    browser = sent(browser_of())

    for form in ({"code": "abc"}, {"resend": "1"}, {"code": "123456", "language": "en"}):
        assert fast(browser, CODE, form) is None
    assert attempt(browser).tries == 0


def test_a_cohort_that_changed_counts_at_once():
    cohort = CohortFactory(proof=Proof.COUNTER)
    browsers = [browser_of(), browser_of()]
    for number, browser in enumerate(browsers):
        fast(browser, FORM, TYPED | {"phone": f"010-0000-123{number}"})
    first, second = (environ_of(browser, CODE, {"code": code_of(browser)}) for browser in browsers)

    def change() -> None:
        type(cohort).objects.update(proof=Proof.ROSTER)
        connection.close()  # this thread's own

    async def one_after_the_other() -> list[HttpResponse | None]:
        pages = IdentityPages()
        before = await pages(first)
        await asyncio.to_thread(change)
        answers = [before, await pages(second)]
        await pages.close()
        return answers

    people = [
        read_cookie(answer.cookies[COOKIE].value).person_id
        for answer in in_a_loop(one_after_the_other)
    ]

    assert [Decision.objects.filter(person=person).exists() for person in people] == [True, False]


def test_while_a_change_of_a_cohort_is_due_a_first_yes_is_left_to_the_next_page():
    cohort = CohortFactory(proof=Proof.COUNTER)
    browser = sent(browser_of())
    CohortChange.objects.create(
        cohort=cohort, by="staff:1", values={"priority": 2}, takes_effect_at=cohort.opens_at
    )

    assert fast(browser, CODE, {"code": code_of(browser)}).status_code == 302
    assert not Decision.objects.exists()
    browser.get("/eligibility/")
    assert Decision.objects.get().cohort == cohort


def by_django(environ: dict[str, Any]) -> HttpResponse:
    """As the bridge does: Django gets the environ that the fast path left."""
    environ["wsgi.input"].seek(0)
    request = WSGIRequest(environ)
    request._dont_enforce_csrf_checks = True
    return WSGIHandler().get_response(request)


def test_an_address_is_counted_once_by_both(settings, monkeypatch):
    settings.ADDRESS_LIMIT = "2/5m"
    counted: list[str] = []
    count = limits._counted
    monkeypatch.setattr(limits, "_counted", lambda *args: counted.append(args[1]) or count(*args))

    statuses = []
    for number in range(4):
        typed = TYPED | {"phone": f"010-0000-123{number}"}
        environ = environ_of(browser_of(), FORM, typed, REMOTE_ADDR="8.8.8.8")
        [answer] = answers_to(environ)
        statuses.append((answer is None, (answer or by_django(environ)).status_code))

    assert statuses == [(False, 302), (False, 302), (True, 422), (True, 422)]
    assert counted == ["address"] * 4


def test_the_form_of_one_who_arrives_waits_behind_those_who_came_before():
    begun, order = asyncio.Event(), []

    async def slow(environ: dict[str, Any]) -> HttpResponse:
        order.append(environ["REMOTE_ADDR"])
        await begun.wait()
        return HttpResponse(b"sent")

    request = Request("POST", FORM, [("host", "localhost")], b"name=x")

    async def ask() -> int:
        bridge = WsgiBridge(lambda *_asked: [], threads=Threads(arrivals=2), fast=[slow])
        answers = [Answer(b"name=x") for _number in range(5)]
        asked = [asyncio.create_task(bridge(request.scope, answer)) for answer in answers]
        # All that may begin have begun: each step of the others has had its turn.
        for _turn in range(50):
            await asyncio.sleep(0)
        at_first = len(order)
        begun.set()
        await asyncio.gather(*asked)
        assert [answer.content for answer in answers] == [b"sent"] * 5
        return at_first

    assert in_a_loop(ask) == 2
    assert len(order) == 5


def test_the_worker_is_woken_and_without_redis_the_code_is_sent_all_the_same(monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr(jobs, "enqueue_once", lambda queue, job: woken.append(job))
    sent(browser_of())
    assert woken == ["messaging.jobs.send_codes"]

    def away(_queue: str, _job: str) -> None:
        raise RedisError

    monkeypatch.setattr(jobs, "enqueue_once", away)
    other = browser_of()
    fast(other, FORM, TYPED | {"phone": "010-0000-1235"})
    background.wait_until_sent()

    assert Message.objects.get(key__startswith=f"code:{attempt(other).pk}").status == "sent"


def test_a_sample_campaign_shows_the_message_in_the_same_statement(settings):
    settings.SAMPLE = True
    browser = sent(browser_of("en"))

    page, viewed = fast(browser, CODE), browser.get(CODE)

    assert f"code is {code_of(browser)}" in page.content.decode()
    assert shown(page) == shown(viewed)
