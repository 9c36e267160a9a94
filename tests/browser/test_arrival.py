"""The identity form while the portal is too busy to take it: nothing typed is lost."""

import pytest

from config.settings.languages import LANGUAGES
from eligibility.models import PhoneCode

ROOM = "**/identity/room/"


@pytest.fixture
def form(page, live_server):
    """The form as somebody filled it in; `asked` counts how often it asked for room."""
    page.asked = 0
    page.goto(f"{live_server.url}/identity/")
    page.fill("[name=name]", "김하나")
    page.fill("[name=birth_date]", "1964-05-12")
    page.fill("[name=phone]", "010-1234-5678")
    return page


def make_busy(page, seconds: int) -> None:
    def refuse(route) -> None:
        page.asked += 1
        route.fulfill(status=503, headers={"Retry-After": str(seconds)})

    page.route(ROOM, refuse)


def test_what_was_typed_waits_on_the_page_and_goes_by_itself(form):
    make_busy(form, 1)
    form.click("main button.jari-button")
    form.wait_for_selector("#arrival .jari-notice", state="visible")
    assert form.locator("#arrival [data-left]").inner_text() in {"0", "1"}
    while form.asked < 2:
        form.wait_for_timeout(100)
    assert form.input_value("[name=name]") == "김하나"
    assert not PhoneCode.objects.exists()

    form.unroute(ROOM)
    form.wait_for_url("**/identity/code/")

    assert PhoneCode.objects.count() == 1


def test_pressing_again_asks_no_more_often(form):
    make_busy(form, 60)

    for _ in range(3):
        form.click("main button.jari-button")
    form.wait_for_selector("#arrival .jari-notice", state="visible")
    form.click("main button.jari-button")

    assert form.asked == 1


def test_who_changes_their_mind_sends_nothing(form):
    make_busy(form, 1)
    form.click("main button.jari-button")
    form.click("#arrival-stop")
    asked = form.asked
    form.unroute(ROOM)
    form.wait_for_timeout(2_500)

    assert form.locator("#arrival .jari-notice").is_hidden()
    assert (form.asked, form.url.endswith("/identity/")) == (asked, True)
    assert not PhoneCode.objects.exists()
    form.click("main button.jari-button")
    form.wait_for_url("**/identity/code/")


def test_a_portal_that_does_not_say_gets_the_form(form):
    form.route(ROOM, lambda route: route.abort())

    form.click("main button.jari-button")

    form.wait_for_url("**/identity/code/")


@pytest.mark.parametrize("language", [code for code, _name in LANGUAGES])
def test_it_is_said_in_the_readers_language(new_screen, live_server, language):
    page = new_screen(language, 360)
    page.asked = 0
    make_busy(page, 60)
    page.goto(f"{live_server.url}/identity/")
    page.fill("[name=name]", "김하나")

    page.click("main button.jari-button")
    page.wait_for_selector("#arrival .jari-notice", state="visible")

    title = page.locator("#arrival .jari-notice-title").inner_text()
    assert (
        title
        == {
            "ko": "지금 이용하시는 분이 많습니다",
            "en": "Many people are here",
            "zh-hans": "当前使用人数众多",
            "vi": "Nhiều người đang truy cập",
        }[language]
    )
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
