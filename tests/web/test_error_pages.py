"""Error pages: in the reader's language first, also for what never reaches Django."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from config.refusals import busy
from tests.pages.test_design_system import STANDALONE
from web.error_pages import ErrorPageMiddleware, page

HEADINGS = {
    "ko": "찾는 화면이 없습니다",
    "en": "This page does not exist",
    "zh-Hans": "没有此页面",
    "vi": "Trang này không tồn tại",
}
MENUS = {
    "ko": ["주 메뉴", "내 자리", "내 예약", "도움말"],
    "en": ["Main menu", "My place", "My bookings", "Help"],
    "zh-Hans": ["主菜单", "我的排位", "我的预约", "帮助"],
    "vi": ["Trình đơn chính", "Vị trí của tôi", "Lịch đặt của tôi", "Trợ giúp"],
}
MENU = re.compile(
    r'(?:<nav class="jari-nav" aria-label="|<a href="/(?:mine|reservations|help)/">)([^"<]*)'
)
CODES = {"zh-CN": "zh-Hans", "fr": "en"}


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ko", "en", "zh-CN", "vi", "fr"])
def test_a_missing_page_is_in_the_readers_language_first(language):
    client = Client(headers={"accept-language": language})
    code = CODES.get(language, language)

    answer = client.get("/nowhere/")
    shown = answer.content.decode()

    # Else a reader without compression waits for bytes that never come.
    assert int(answer["Content-Length"]) == len(answer.content)
    assert re.findall(r"<h1>(.*?)</h1>", shown) == [HEADINGS[code]]
    assert re.findall(r'<section lang="([\w-]+)">', shown)[0] == code
    assert sorted(re.findall(r'<section lang="([\w-]+)">', shown)) == sorted(HEADINGS)
    assert f'<html lang="{code}">' in shown
    assert HEADINGS[code] in re.search(r"<title>(.*?)</title>", shown)[1]
    assert shown.count('<a class="jari-button" href="/">') == 1
    assert MENU.findall(shown) == MENUS[code]


BACK = re.compile(r'<a class="jari-button secondary" href="([^"]*)">(?:Back to|이전)')


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("referer", "back"),
    [
        (
            "http://testserver/booking/?near=강남구&part=morning",
            ["/booking/?near=강남구&amp;part=morning"],
        ),
        ('http://testserver/x"><script>', ["/x&quot;&gt;&lt;script&gt;"]),
        ("http://testserver//evil.example/", []),
        ("http://evil.example/booking/", []),
        ("http://testserver/nowhere/", []),
        ("javascript:alert(1)", []),
        ("http://[testserver/", []),
        ("", []),
    ],
)
def test_an_error_leads_back_to_the_page_before_if_it_is_ours(client, referer, back):
    answer = client.get("/nowhere/", headers={"referer": referer, "accept-language": "en"})

    assert BACK.findall(answer.content.decode()) == back
    assert int(answer["Content-Length"]) == len(answer.content)
    assert ("no-store" in answer.get("Cache-Control", "")) == bool(back)


@pytest.mark.django_db
def test_a_form_that_was_refused_leads_back_to_its_page(client):
    headers = {"referer": "http://testserver/how/", "accept-language": "ko"}

    answer = client.post("/how/", headers=headers)

    assert BACK.findall(answer.content.decode()) == ["/how/"]


@pytest.mark.django_db
def test_a_refused_method_has_a_page_with_the_way_back(client):
    answer = client.post("/how/", headers={"accept-language": "vi"})

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
    assert "<h1>Không thể dùng địa chỉ này như vậy</h1>" in answer.content.decode()


@pytest.mark.parametrize("language", ["ko", "en", "zh-hans", "vi"])
@pytest.mark.parametrize("name", STANDALONE)
def test_each_error_page_is_whole_in_each_order(name, language):
    turned, file = page(name, language).decode(), page(name, "ko").decode()

    assert len(re.findall("<h1>", turned)) == 1
    assert len(re.findall("<h2>", turned)) == 3
    # One way on for the reader; the same in other languages stands back.
    assert turned.count('class="jari-button"') <= 1
    words = [re.sub(r"<[^>]+>", " ", text.split("<main", 1)[1]) for text in (turned, file)]
    assert sorted(words[0].split()) == sorted(words[1].split())


def test_what_never_reaches_django_is_answered_in_the_readers_language():
    status, headers, body = busy().answer_in("zh-hans")

    assert (status, dict(headers)["retry-after"]) == (503, "10")
    assert "<h1>当前使用人数众多。" in body.decode()
    assert "<title>当前使用人数众多。您的排位仍然保留 | Jari</title>" in body.decode()


def test_a_busy_portal_says_in_each_language_when_to_try_again():
    _status, headers, body = busy(34).answer_in("en")

    said = re.sub(r"<[^>]+>", "", body.decode())
    assert dict(headers)["retry-after"] == "34"
    assert re.findall(r"(?<!\d)(34|10)(?!\d)", said) == ["34"] * 4


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 404, 405, 408, 413, 429])
def test_a_bare_refusal_gets_its_page(status, rf):
    answer = ErrorPageMiddleware(lambda _request: HttpResponse(status=status))(rf.get("/"))

    assert answer.status_code == status
    assert b'<section lang="ko">' in answer.content
    assert answer["Content-Type"] == "text/html; charset=utf-8"
