"""The pages on which a crowd arrives are those of Django, but for the token and the time."""

import asyncio
import re
import threading
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from config.front_pages import FrontPages
from config.refusals import Refused
from eligibility.sessions import COOKIE
from tests.booking.test_fast_path import in_a_loop
from tests.factories import CohortFactory, RoomFactory

pytestmark = pytest.mark.django_db(transaction=True)

# What differs between two requests for one page: the token, the time of the page, and the clock of
# home, which its script sets by the server's.
OWN = re.compile(
    r'(csrfmiddlewaretoken" value=")\w+|(<time datetime=")[^<]+'
    r'|(<time\s+datetime=")[^"]+(?="\s+data-clock)'
    r'|(data-clock="/healthz"[^>]*>)[^<]+'
)
PAGES = ["/", "/identity/"]


class Handler:
    """Django's own, which counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._django = WSGIHandler()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        response = self._django.get_response(request)
        assert isinstance(response, HttpResponse)
        return response


def ask(*environs: dict[str, Any], handler: Handler | None = None) -> list[HttpResponse | None]:
    async def all_at_once() -> list[HttpResponse | None]:
        pages = FrontPages(handler or Handler())
        return list(await asyncio.gather(*(pages(environ) for environ in environs)))

    return in_a_loop(all_at_once)


def request_of(path: str, cookies: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
    factory = RequestFactory(headers={"accept-language": "ko", **headers})
    factory.cookies.load(cookies or {})
    return factory.get(path).environ


def same(response: Any) -> tuple[int, dict[str, str], str]:
    headers = {name.lower(): value for name, value in response.items()}
    for name in ("x-request-id", "expires"):
        headers.pop(name, None)
    return response.status_code, headers, OWN.sub(r"\1\2\3\4", response.content.decode())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["ko", "en", "zh-hans", "vi", "fr"])
@pytest.mark.parametrize(
    "cookies", [{}, {"jari_letters": "large"}, {"jari_words": "easy"}, {"jari_known": "a"}]
)
def test_a_kept_page_is_that_of_django(path, language, cookies):
    RoomFactory(cohort=CohortFactory())
    browser = Client(headers={"accept-language": language})
    browser.cookies.load(cookies)

    [kept] = ask(request_of(path, cookies, **{"accept-language": language}))

    assert kept
    assert same(kept) == same(browser.get(path))
    assert set(kept.cookies) == {"csrftoken"}
    assert "\ue000" not in kept.content.decode()


def test_django_makes_a_page_once_for_all_who_ask_within_a_second():
    handler = Handler()

    answers = ask(*[request_of("/") for _person in range(50)], handler=handler)

    assert handler.asked == 1
    tokens = {re.search(r'csrfmiddlewaretoken" value="(\w+)', answer.content.decode())[1]  # type: ignore[index, union-attr]
              for answer in answers}  # fmt: skip
    assert len(tokens) == 50


def test_the_form_of_a_kept_page_can_be_sent():
    browser = Client(enforce_csrf_checks=True, headers={"accept-language": "ko"})
    [kept] = ask(request_of("/identity/"))
    assert kept
    browser.cookies.load({"csrftoken": kept.cookies["csrftoken"].value})
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)', kept.content.decode())
    assert token

    answer = browser.post(
        "/identity/",
        {"csrfmiddlewaretoken": token[1], "name": "김하나", "birth_date": "1969-05-12",
         "phone": "010-1234-5678"},
    )  # fmt: skip

    assert (answer.status_code, answer["location"]) == (302, "/identity/code/")


def test_a_reader_keeps_the_token_of_their_browser():
    [kept] = ask(request_of("/identity/", {"csrftoken": "t" * 32}))

    assert kept
    assert kept.cookies["csrftoken"].value == "t" * 32


@pytest.mark.parametrize(
    "environ",
    [
        request_of("/", {COOKIE: "anything"}),
        request_of("/identity/", {"jari_flow": "anything"}),
        request_of("/identity/?next=/queue/a/"),
        request_of("/help/"),
        request_of("/") | {"REQUEST_METHOD": "HEAD"},
        RequestFactory().post("/identity/").environ,
    ],
)
def test_whatever_is_unusual_is_left_to_django(environ):
    assert ask(environ) == [None]


def test_an_unknown_host_is_left_to_django(settings):
    settings.ALLOWED_HOSTS = ["testserver"]

    assert ask(request_of("/") | {"HTTP_HOST": "elsewhere.example"}) == [None]


def test_a_page_that_fails_is_not_kept(monkeypatch):
    broken = WSGIHandler()
    monkeypatch.setattr("config.home._cards", lambda: 1 / 0)

    async def ask_twice() -> list[HttpResponse | None]:
        pages = FrontPages(broken.get_response)
        return [await pages(request_of("/")) for _time in range(2)]

    assert in_a_loop(ask_twice) == [None, None]


def test_in_an_outage_the_last_page_is_shown_for_some_seconds(monkeypatch):
    monkeypatch.setattr("config.front_pages.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("config.front_pages.STALE_SECONDS", 1.0)
    monkeypatch.setattr("config.front_pages.PATIENCE_SECONDS", 0.2)
    handler = Handler()
    hangs, over = threading.Event(), threading.Event()

    def answer(request: HttpRequest) -> HttpResponse:
        if hangs.is_set():
            over.wait(30)
        return handler(request)

    async def story() -> list[int]:
        pages = FrontPages(answer)
        seen = [await pages(request_of("/"))]
        hangs.set()
        for seconds in (0.0, 0.1):
            await asyncio.sleep(seconds)
            seen.append(await pages(request_of("/")))
        await asyncio.sleep(1.1)
        with pytest.raises(Refused) as refused:
            await pages(request_of("/"))
        over.set()
        return [*(page.status_code for page in seen if page), refused.value.status]

    assert in_a_loop(story) == [200, 200, 200, 503]
