"""What a browser has shown to know stays with it, signed, and only the newest of it."""

from dataclasses import replace

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import RequestFactory

from web.remembered import Remembered

numbers = Remembered(cookie="numbers", salt="tests.numbers", most=3, seconds=60)


def request_with(cookie: str = ""):
    request = RequestFactory().get("/")
    request.COOKIES["numbers"] = cookie
    return request


def after(*things: str) -> str:
    """The cookie once these were added, one after the other."""
    cookie = ""
    for thing in things:
        response = HttpResponse()
        numbers.add(request_with(cookie), response, thing)
        cookie = response.cookies["numbers"].value
    return cookie


def test_the_newest_comes_first_and_once():
    assert numbers.read(request_with(after("A", "B", "A"))) == ["A", "B"]


def test_only_the_last_few_are_kept():
    assert numbers.read(request_with(after("A", "B", "C", "D"))) == ["D", "C", "B"]


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        '["A"]',
        signing.dumps(["A"], salt="tests.others"),
        signing.dumps({"A": 1}, salt="tests.numbers"),
    ],
    ids=["none", "unsigned", "signed for another use", "no list"],
)
def test_what_we_did_not_sign_says_nothing(cookie):
    assert numbers.read(request_with(cookie)) == []


def test_it_is_forgotten_in_time():
    a_moment_late = replace(numbers, seconds=-1)

    assert a_moment_late.read(request_with(after("A"))) == []


def test_no_script_reads_the_cookie():
    response = HttpResponse()
    numbers.add(request_with(), response, "A")

    cookie = response.cookies["numbers"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 60)
