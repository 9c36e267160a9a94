"""A place in the line without a connection: the service worker says so, and shows nothing old."""

from http import HTTPStatus

import pytest
from playwright.sync_api import expect

from standing.states import State
from tests.eligibility.signing_in import sign_in, sign_in_context
from tests.standing.scenes import SCENES

CONTROLLED = "() => navigator.serviceWorker.controller !== null"
KEPT = """async () => {
    const names = await caches.keys();
    const lists = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return lists.flat().map((request) => new URL(request.url).pathname).sort();
}"""
SAYS = {"ko": "연결이 없습니다", "en": "No connection"}


@pytest.fixture
def waiting(new_screen):
    """Opens the page of a person in line, whose worker is installed and in charge."""

    def open_page(language="ko"):
        scene = SCENES[State.WAITING]()
        page = new_screen(language, 360)
        sign_in_context(page.context, page.at, scene.person.pk)
        page.goto(f"{page.at}/queue/t/{scene.ticket.pk}/")
        page.evaluate("navigator.serviceWorker.ready")
        page.reload()
        page.wait_for_function(CONTROLLED)
        return page

    return open_page


@pytest.mark.parametrize("language", SAYS)
def test_without_a_connection_the_page_says_so_and_shows_no_old_place(waiting, language):
    page = waiting(language)
    heading = page.locator("h1:visible").inner_text()

    page.context.set_offline(True)
    page.reload()

    assert page.locator("h1").inner_text() == SAYS[language]
    assert page.locator("#ahead, #place, #serving").count() == 0
    assert page.get_attribute("html", "lang") == language
    page.context.set_offline(False)
    # It asks every ten seconds, where the browser does not say that the connection is back.
    expect(page.locator("h1:visible")).to_have_text(heading)


def test_nothing_of_a_person_is_kept(waiting):
    page = waiting()

    kept = page.evaluate(KEPT)

    assert kept == [
        "/queue/t/offline/",
        "/static/jari/jari.css",
        "/static/jari/mark.svg",
        "/static/jari/offline.js",
    ]


def test_other_pages_are_left_alone(waiting):
    page = waiting()

    page.goto(f"{page.at}/help/")

    assert page.evaluate("navigator.serviceWorker.controller") is None


def test_a_worker_that_is_switched_off_removes_itself_and_what_it_kept(waiting, settings):
    page = waiting()
    settings.SERVICE_WORKER = False

    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    page.wait_for_function("""async () => {
        const workers = await navigator.serviceWorker.getRegistrations();
        return workers.length + (await caches.keys()).length === 0;
    }""")
    page.context.set_offline(True)

    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        page.reload()


@pytest.mark.parametrize("language", ["", "xx", "ko", "en"])
def test_the_page_is_the_same_for_everybody(client, language):
    address = "/queue/t/offline/"
    person = SCENES[State.WAITING]().person

    stranger = client.get(address, {"language": language})
    sign_in(client, person)
    known = client.get(address, {"language": language})

    assert stranger.status_code == HTTPStatus.OK
    assert (stranger.content, stranger.cookies) == (known.content, {})
    assert f'lang="{language if language in SAYS else "ko"}"' in stranger.content.decode()
